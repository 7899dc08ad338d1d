import { expect, test } from "vitest";
import { differing } from "../src/parts/differing";

const marked = (text: string, other: string): string =>
  differing(text, other)
    .map((piece) => (piece.isOnlyHere ? `[${piece.text}]` : piece.text))
    .join("");

test("words that the other text has not are marked, and nothing else", () => {
  expect(marked("+43 660 1000", "+43 660 2000")).toBe("+43 660 [1000]");
  expect(marked("the red house", "the house")).toBe("the [red ]house");
  expect(marked("same", "same")).toBe("same");
  expect(marked("Ünïcode 😀 a", "Ünïcode 😀 b")).toBe("Ünïcode 😀 [a]");
});

test("the pieces are the text again, whatever the other one is", () => {
  const texts = ["", "a", "a b c", "c b a", "a  b\n\nc", "<b>x</b> & \"y\"", "0".repeat(5_000), "x ".repeat(2_000)];
  for (const text of texts) for (const other of texts) expect(differing(text, other).map((piece) => piece.text).join("")).toBe(text);
});

test("texts of more words than are compared are marked whole", () => {
  const long = "word ".repeat(2_000);
  expect(differing(long, "word")).toEqual([{ text: long, isOnlyHere: true }]);
});
