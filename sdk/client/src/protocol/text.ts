/** Edits of texts. They count characters, which are Unicode scalar values and not the UTF-16 units of a platform's string. */

import { digestOf } from "./digest.js";
import type { TextEdit } from "./operation.js";

/** Returns the text after an edit; `undefined` if the edit is one of another text. */
export function applyEdit(text: string, edit: TextEdit): string | undefined {
  let at = 0;
  let edited = "";
  for (const part of edit) {
    if (typeof part === "string") {
      edited += part;
    } else if (typeof part === "number") {
      const end = behind(text, at, Math.abs(part));
      if (end === undefined) return undefined;
      if (part > 0) edited += text.slice(at, end);
      at = end;
    } else if (part.of !== textDigest(text)) {
      return undefined;
    }
  }
  return at === text.length ? edited : undefined;
}

/** Returns what tells a text from others of its length. */
export function textDigest(text: string): string {
  return digestOf(text, 2);
}

/** Returns how many characters a text has. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) if (isPair(text, at)) length--;
  return length;
}

/** Returns the index behind so many characters; `undefined` if the text ends before. */
export function behind(text: string, at: number, characters: number): number | undefined {
  for (; characters > 0; characters--) {
    if (at >= text.length) return undefined;
    at += isPair(text, at) ? 2 : 1;
  }
  return at;
}

/** Returns whether a character of two units begins here. */
function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}
