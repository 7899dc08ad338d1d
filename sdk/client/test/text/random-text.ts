/** Texts and edits of them from a seed, with characters of one to four bytes. */

import type { TextEdit } from "../../src/text/index.js";
import { oneOf } from "../random.js";

const CHARACTERS = ["a", "a", "b", " ", "\n", "é", "字", "😀", "😁", "𝄞"];

/** Returns at most so many characters. */
export function randomText(random: () => number, most = 12): string {
  return Array.from({ length: Math.floor(random() * (most + 1)) }, () => oneOf(random, CHARACTERS)).join("");
}

/** Returns an edit that fits the text. */
export function randomEdit(random: () => number, text: string): TextEdit {
  const edit: (number | string)[] = [];
  for (let left = [...text].length; left > 0; ) {
    const length = 1 + Math.floor(random() * left);
    if (random() < 0.4) edit.push(randomText(random, 3));
    if (random() < 0.4) edit.push(-length);
    else edit.push(length);
    left -= length;
  }
  if (random() < 0.4) edit.push(randomText(random, 3));
  return edit.filter((part) => part !== "");
}
