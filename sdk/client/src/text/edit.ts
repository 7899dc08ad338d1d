/** What can be done with edits of texts without a text field. Lengths are in characters, Unicode scalar values. */

import { lengthOf, normalised } from "../protocol/text.js";
import type { TextEdit } from "../protocol/operation.js";
import { changeOf } from "./change.js";
import { isLow, toUnits } from "./units.js";

/** Where a position goes if somebody inserts right there: it stays in front of that, or goes behind it. */
export type Sticks = "front" | "behind";

/** Returns the edit that takes the result of this one back to `text`, which it was made for. */
export function invertEdit(edit: TextEdit, text: string): TextEdit {
  const inverse: (number | string)[] = [];
  let at = 0;
  for (const part of edit) {
    if (typeof part === "string") inverse.push(-lengthOf(part));
    else if (typeof part === "number") {
      const end = toUnits(text, Math.abs(part), at);
      inverse.push(part > 0 ? part : text.slice(at, end));
      at = end;
    }
  }
  return normalised(inverse);
}

/** Returns the edit that does one and then another, which was made for the text that the first one leaves. */
export function composeEdits(first: TextEdit, then: TextEdit): TextEdit {
  const composed: (number | string)[] = [];
  /** What of the first is still to be read by the second, the next last. */
  const left = [...normalised(first)].reverse();
  const takeDropped = () => {
    for (let part = left.at(-1); typeof part === "number" && part < 0; part = left.at(-1)) composed.push(left.pop() ?? 0);
  };
  for (const part of normalised(then)) {
    if (typeof part === "string") {
      composed.push(part);
      continue;
    }
    for (let count = Math.abs(part); count > 0; ) {
      takeDropped();
      const next = left.pop();
      if (next === undefined) throw new RangeError("the second edit was made for another text");
      const length = typeof next === "string" ? lengthOf(next) : next;
      const read = Math.min(length, count);
      const cut = typeof next === "string" ? toUnits(next, read) : read;
      if (read < length) left.push(typeof next === "string" ? next.slice(cut) : next - read);
      // Put in and dropped again: nothing is left of it.
      if (part > 0) composed.push(typeof next === "string" ? next.slice(0, cut) : read);
      else if (typeof next === "number") composed.push(-read);
      count -= read;
    }
  }
  takeDropped();
  if (left.length > 0) throw new RangeError("the second edit was made for another text");
  return normalised(composed);
}

/** Returns whether an edit leaves every text as it is. */
export function isIdentity(edit: TextEdit): boolean {
  return edit.every((part) => typeof part === "object" || (typeof part === "number" && part >= 0) || part === "");
}

/** Returns where a position in a text is after an edit of it. */
export function movePosition(position: number, edit: TextEdit, sticks: Sticks): number {
  /** How far the text has been read, and how long what came of it is. */
  let from = 0;
  let to = 0;
  for (const part of edit) {
    if (typeof part === "string") {
      if (position === from && sticks === "front") return to;
      to += lengthOf(part);
    } else if (typeof part === "number") {
      const end = from + Math.abs(part);
      if (position < end) return part > 0 ? to + position - from : to;
      from = end;
      if (part > 0) to += part;
    }
  }
  return to + position - from;
}

/** A part of a text that somebody has selected; a cursor where both are the same. */
export interface Selection {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns where a selection is after an edit of the text. What is inserted at its edges stays outside, what is inserted
 * at a cursor comes behind it.
 */
export function moveSelection({ start, end }: Selection, edit: TextEdit): Selection {
  const moved = movePosition(end, edit, "front");
  return start === end ? { start: moved, end: moved } : { start: Math.min(movePosition(start, edit, "behind"), moved), end: moved };
}

/** Returns where the last change of an edit ends, in the text after it: where the cursor of who makes it belongs. */
export function endOfChange(edit: TextEdit): number {
  let to = 0;
  let end = 0;
  for (const part of edit) {
    if (typeof part === "string") end = to += lengthOf(part);
    else if (typeof part === "number" && part < 0) end = to;
    else if (typeof part === "number") to += part;
  }
  return end;
}

/**
 * Returns the smallest edit that makes `before` into `after` and ends at `caret`, where the cursor stands after typing, in UTF-16
 * units of `after`: of `aa` that became `aaa` only the cursor tells which one was typed.
 */
export function typedEdit(before: string, after: string, caret: number): TextEdit {
  const least = Math.min(before.length, after.length);
  const mostTail = Math.min(least, after.length - Math.min(Math.max(caret, 0), after.length));
  let tail = 0;
  while (tail < mostTail && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1;
  // A surrogate pair stays together: its second half belongs to the change where the first one does.
  if (tail > 0 && (isLow(before, before.length - tail) || isLow(after, after.length - tail))) tail -= 1;
  let head = 0;
  while (head < least - tail && before.charCodeAt(head) === after.charCodeAt(head)) head += 1;
  if (head > 0 && (isLow(before, head) || isLow(after, head))) head -= 1;
  const gone = before.slice(head, before.length - tail);
  const come = after.slice(head, after.length - tail);
  // Typing at two places may be taken up at once, and what is between stays as it is.
  return normalised([lengthOf(before.slice(0, head)), ...changeOf(gone, come), lengthOf(before.slice(before.length - tail))]);
}
