/**
 * What a text field makes of a text. A `<textarea>` turns `\r\n` into `\n`, an `<input>` drops line ends: what it does so is no
 * edit of who types.
 */

import { difference } from "../protocol/difference.js";
import { applyEdit, transform } from "../protocol/text.js";
import { typedEdit } from "./edit.js";

/** Returns the text with what was typed, in front of what is not shown there, where the field shows `rendered` for `text` and now has `typed`. */
export function unrendered(text: string, rendered: string, typed: string, caret: number): string {
  if (rendered === text) return typed;
  const ends = new Set(text.match(/\r\n?|\n/g));
  const [end] = ends;
  if (ends.size === 1 && end !== undefined && text.replaceAll(end, "\n") === rendered) return typed.replaceAll("\n", end);
  return applyEdit(text, transform(typedEdit(rendered, typed, caret), difference(rendered, text), true) ?? []) ?? text;
}

/** Returns the text with U+FFFD for what is half of a character: no JSON can hold that. */
export function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (found) => (found.length === 2 ? found : "\ufffd"));
}
