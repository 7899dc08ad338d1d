/** Places in texts: in UTF-16 units, as a page counts, and in characters, as edits do. */

import { lengthOf } from "../protocol/text.js";

/** Returns how many characters are in front of a UTF-16 offset; one within a surrogate pair counts as in front of it. */
export function toCharacters(text: string, units: number): number {
  const end = Math.min(Math.max(units, 0), text.length);
  return lengthOf(text.slice(0, end > 0 && isLow(text, end) ? end - 1 : end));
}

/** Returns the UTF-16 offset behind so many characters from an offset on, or that of the end of the text. */
export function toUnits(text: string, characters: number, from = 0): number {
  let at = from;
  for (let left = characters; left > 0 && at < text.length; left -= 1) at += isLow(text, at + 1) ? 2 : 1;
  return at;
}

/** Returns whether the second half of a surrogate pair is here. */
export function isLow(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}
