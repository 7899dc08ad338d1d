/** Edits of texts. They count characters, which are Unicode scalar values and not the UTF-16 units of a platform's string. */

import { digestOf } from "./digest.js";
import type { TextEdit } from "./operation.js";

/** A part of an edit: how many characters it keeps, or drops if that is below 0, or what it puts in. */
export type Step = number | string;

/** Returns the text after an edit; `undefined` if the edit is one of another text. */
export function applyEdit(text: string, edit: TextEdit): string | undefined {
  let at = 0;
  let edited = "";
  for (const part of edit) {
    if (typeof part === "string") {
      edited += part;
    } else if (typeof part === "number") {
      const end = Number.isInteger(part) ? behind(text, at, Math.abs(part)) : undefined;
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

/** Returns an edit in normal form: no two neighbours of one kind, and what is put in before what is dropped there. */
export function normalised(parts: TextEdit): readonly Step[] {
  const edit: Step[] = [];
  const join = (part: Step): void => {
    const last = edit.at(-1);
    if (typeof part === "string") {
      const dropped = typeof last === "number" && last < 0 ? edit.pop() : 0;
      const before = edit.at(-1);
      if (typeof before === "string") edit[edit.length - 1] = before + part;
      else edit.push(part);
      if (dropped) edit.push(dropped);
    } else if (typeof last === "number" && last < 0 === part < 0) {
      edit[edit.length - 1] = last + part;
    } else {
      edit.push(part);
    }
  };
  for (const part of parts) if (typeof part !== "object" && part) join(part);
  return edit;
}

/** Returns an edit that makes one text into another: it replaces what stands between what is alike at their ends. */
export function replacement(before: string, after: string): readonly Step[] {
  const [head, tail] = alike(before, after);
  const middle = (text: string): string => text.slice(head, text.length - tail);
  return normalised([
    lengthOf(before.slice(0, head)),
    middle(after),
    -lengthOf(middle(before)),
    lengthOf(before.slice(before.length - tail)),
  ]);
}

/** Returns how long the beginnings and the ends of two texts are alike, in units, never within a character. */
export function alike(a: string, b: string): readonly [head: number, tail: number] {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head++;
  if (isPair(a, head - 1) || isPair(b, head - 1)) head--;
  let tail = 0;
  while (tail < most - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  if (isPair(a, a.length - tail - 1) || isPair(b, b.length - tail - 1)) tail--;
  return [head, tail];
}

/**
 * Returns an edit for the text that another edit has made of the one that both were made for; `undefined` if they were made
 * for texts of different lengths. Whichever of the two is done first, the other one moved gives the same text.
 *
 * - `isFirst`: whether what it puts in stands first where both put something in.
 *
 * @see Ellis and Gibbs, "Concurrency Control in Groupware Systems" (1989)
 */
export function transform(edit: TextEdit, other: TextEdit, isFirst: boolean): readonly Step[] | undefined {
  const [mine, theirs] = [[...normalised(edit)].reverse(), [...normalised(other)].reverse()];
  const moved: Step[] = [];
  for (;;) {
    const [next, opposite] = [mine.at(-1), theirs.at(-1)];
    if (typeof next === "string" && (isFirst || typeof opposite !== "string")) {
      moved.push(next);
      mine.pop();
    } else if (typeof opposite === "string") {
      moved.push(lengthOf(opposite));
      theirs.pop();
    } else if (next === undefined || opposite === undefined) {
      return next === opposite ? normalised(moved) : undefined;
    } else {
      const length = Math.min(Math.abs(next as number), Math.abs(opposite));
      if (opposite > 0) moved.push((next as number) > 0 ? length : -length);
      take(mine, length);
      take(theirs, length);
    }
  }
}

/** Takes characters from the last of the steps, which has them. */
function take(steps: Step[], length: number): void {
  const last = steps.pop() as number;
  const left = Math.abs(last) - length;
  if (left) steps.push(last < 0 ? -left : left);
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
