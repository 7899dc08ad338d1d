import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digestOf } from "../../src/protocol/digest.js";
import type { TextEdit } from "../../src/protocol/operation.js";
import { difference } from "../../src/protocol/difference.js";
import { applyEdit, lengthOf, normalised, replacement, textDigest, transform } from "../../src/protocol/text.js";
import { oneOf, randomFrom } from "../random.js";

const CHARACTERS = [..."ab c\n😀é👍🏽", "word", " "];

function anyText(random: () => number, length: number): string {
  return Array.from({ length: Math.floor(random() * length) }, () => oneOf(random, CHARACTERS)).join("");
}

/** Returns any edit of a text, not in normal form. */
function anyEdit(random: () => number, text: string): readonly (number | string)[] {
  let left = [...text].length;
  const edit: (number | string)[] = [];
  while (left > 0) {
    const length = Math.min(left, 1 + Math.floor(random() * 4));
    const kind = random();
    if (kind < 0.3) edit.push(anyText(random, 3));
    else {
      edit.push(kind < 0.5 ? -length : length);
      left -= length;
    }
  }
  if (random() < 0.3) edit.push(anyText(random, 3));
  return edit;
}

/** Carries an edit out character by character. */
function slowly(text: string, edit: TextEdit): string {
  const rest = [...text];
  return edit
    .map((part) => {
      if (typeof part === "string") return part;
      const taken = rest.splice(0, Math.abs(part as number)).join("");
      return (part as number) > 0 ? taken : "";
    })
    .join("");
}

test("an edit counts characters, also where they take two units", () => {
  const random = randomFrom(1);
  for (let round = 0; round < 3_000; round++) {
    const text = anyText(random, 12);
    const edit = anyEdit(random, text);
    expect(applyEdit(text, edit)).toBe(slowly(text, edit));
    expect(applyEdit(text, normalised(edit))).toBe(slowly(text, edit));
    expect(lengthOf(text)).toBe([...text].length);
    expect(applyEdit(`${text}😀`, edit)).toBeUndefined();
    expect(applyEdit(text, [...edit, 1])).toBeUndefined();
  }
});

test("an edit in normal form has no two neighbours of one kind, and puts in before it drops", () => {
  const cases: readonly (readonly [TextEdit, TextEdit])[] = [
    [[0, "", -0], []],
    [[1, 2, -1, -1], [3, -2]],
    [["a", -2, "b", -1], ["ab", -3]],
    [[{ of: "8ab63e29a4ba14e4" }, -1, "a"], ["a", -1]],
  ];
  for (const [given, expected] of cases) expect(normalised(given)).toEqual(expected);
});

test("an edit that says which text it was made for fits no other one of that length", () => {
  expect(textDigest("one two")).toBe("8ab63e29a4ba14e4");
  const edit = [{ of: "8ab63e29a4ba14e4" }, 4, -3];
  expect(applyEdit("one two", edit)).toBe("one ");
  expect(applyEdit("two one", edit)).toBeUndefined();
});

test("whichever of two edits is done first, the other one moved gives the same text", () => {
  const random = randomFrom(2);
  for (let round = 0; round < 5_000; round++) {
    const text = anyText(random, 10);
    const [a, b] = [anyEdit(random, text), anyEdit(random, text)];
    const isFirst = random() < 0.5;
    const [aMoved, bMoved] = [transform(a, b, isFirst), transform(b, a, !isFirst)];
    const [viaA, viaB] = [applyEdit(slowly(text, a), bMoved ?? []), applyEdit(slowly(text, b), aMoved ?? [])];
    expect(viaA, JSON.stringify([text, a, b])).toBe(viaB);
    expect(viaA).toBeDefined();
  }
});

test("of two that put something in at the same place, the first stands first", () => {
  expect(transform([1, "a", 1], [1, "b", 1], true)).toEqual([1, "a", 2]);
  expect(transform([1, "a", 1], [1, "b", 1], false)).toEqual([2, "a", 1]);
  expect(transform([-2], [1, "b", 1], true)).toEqual([-1, 1, -1]);
  expect(transform([2], [1], true)).toBeUndefined();
});

test("a difference makes one text into the other", () => {
  const random = randomFrom(3);
  for (let round = 0; round < 5_000; round++) {
    const before = anyText(random, 14);
    const after = random() < 0.5 ? anyText(random, 14) : slowly(before, anyEdit(random, before));
    for (const edit of [difference(before, after), replacement(before, after)]) {
      expect(applyEdit(before, edit), JSON.stringify([before, after, edit])).toBe(after);
      expect(edit).toEqual(normalised(edit));
    }
  }
});

test("a difference is short", () => {
  const cases: readonly (readonly [before: string, after: string, edit: TextEdit])[] = [
    ["", "", []],
    ["same", "same", [4]],
    ["", "new", ["new"]],
    ["gone", "", [-4]],
    ["Call back today", "Call back tomorrow", [12, "morrow", -3]],
    ["one two three four", "1 two three 4", ["1", -3, 11, "4", -4]],
    ["😀", "😁", ["😁", -1]],
    ["a😀b", "a😀😀b", [2, "😀", 1]],
    ["aa", "aaa", [2, "a"]],
  ];
  for (const [before, after, edit] of cases) expect(difference(before, after), before).toEqual(edit);
  expect(replacement("one two three four", "1 two three 4")).toEqual(["1 two three 4", -18]);
  expect(replacement("say 😀 now", "say 😁 now")).toEqual([4, "😁", -1, 4]);
  // They end in the same unit.
  expect(replacement("😀", "\u{10a00}")).toEqual(["\u{10a00}", -1]);
});

test("texts that differ in too much are replaced between what is alike at their ends", () => {
  const words = (seed: number): string => Array.from({ length: 5_000 }, (_, at) => (at * seed) % 9973).join(" ");
  const [before, after] = [`head ${words(7)} tail`, `head ${words(13)} tail`];
  const edit = difference(before, after);
  expect(applyEdit(before, edit)).toBe(after);
  expect(edit.length).toBeLessThanOrEqual(4);
  const long = "a ".repeat(50_000);
  expect(applyEdit(`x ${long}y`, difference(`x ${long}y`, `z ${long}w`))).toBe(`z ${long}w`);
});

test("the digest is that of everybody, whatever the length", () => {
  const random = randomFrom(4);
  for (let length = 0; length < 200; length++) {
    const text = Array.from({ length }, () => oneOf(random, ["a", "é", "😀", "\u0000"])).join("");
    expect(digestOf(text, 8)).toBe(createHash("sha256").update(text).digest("hex"));
  }
  const long = "syncline ".repeat(200_000);
  expect(digestOf(long, 8)).toBe(createHash("sha256").update(long).digest("hex"));
});
