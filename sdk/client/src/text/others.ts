/**
 * What others did to a text, as far as it can be seen: what it was and what it is.
 *
 * It decides where a cursor goes and what undoing touches, so it should drop nothing that is still there: what `difference` takes
 * for one word in place of another is looked at character by character where most of the word is still in it.
 */

import { difference } from "../protocol/difference.js";
import { lengthOf, normalised } from "../protocol/text.js";
import type { TextEdit } from "../protocol/operation.js";
import { toUnits } from "./edit.js";
import { COMPARED_CHARACTERS_MAX } from "./limits.js";

/** Returns an edit that makes one text into another and leaves alone what can be. */
export function editOfOthers(before: string, after: string): TextEdit {
  const edit: (number | string)[] = [];
  let at = 0;
  let come = "";
  // In normal form what is put in stands before what is dropped there.
  for (const part of [...difference(before, after), 0]) {
    if (typeof part === "string") {
      come = part;
      continue;
    }
    const end = toUnits(before, Math.abs(part), at);
    if (part < 0) edit.push(...replaced(before.slice(at, end), come));
    else edit.push(come, part);
    come = "";
    at = end;
  }
  return normalised(edit);
}

/** Returns an edit that puts one stretch in place of another: character by character if more than half of it is still there. */
function replaced(gone: string, come: string): readonly (number | string)[] {
  const whole = [come, -lengthOf(gone)];
  const [old, fresh] = [[...gone], [...come]];
  if (old.length * fresh.length > COMPARED_CHARACTERS_MAX) return whole;
  // How long the longest common subsequence of what is behind two places is (Wagner and Fischer 1974).
  const width = fresh.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  const common = (x: number, y: number) => longest[x * width + y] ?? 0;
  for (let x = old.length - 1; x >= 0; x -= 1) {
    for (let y = fresh.length - 1; y >= 0; y -= 1) {
      longest[x * width + y] = old[x] === fresh[y] ? common(x + 1, y + 1) + 1 : Math.max(common(x + 1, y), common(x, y + 1));
    }
  }
  if (common(0, 0) * 2 <= old.length) return whole;
  const edit: (number | string)[] = [];
  let [x, y] = [0, 0];
  while (x < old.length || y < fresh.length) {
    if (x < old.length && y < fresh.length && old[x] === fresh[y]) {
      edit.push(1);
      x += 1;
      y += 1;
    } else if (y < fresh.length && (x === old.length || common(x, y + 1) >= common(x + 1, y))) {
      edit.push(fresh[y] ?? "");
      y += 1;
    } else {
      edit.push(-1);
      x += 1;
    }
  }
  return edit;
}
