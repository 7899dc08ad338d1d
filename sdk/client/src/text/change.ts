/**
 * What somebody did to a text, as far as it can be seen: what it was and what it is.
 *
 * It decides where a cursor goes, what undoing touches and whose a character is, so it should drop nothing that is still there. A
 * stretch of which more than half is still there is compared character by character, others word by word.
 */

import { difference } from "../protocol/difference.js";
import { alike, lengthOf, normalised } from "../protocol/text.js";
import type { TextEdit } from "../protocol/operation.js";
import { COMPARED_CHARACTERS_MAX } from "./limits.js";
import { toUnits } from "./units.js";

type Steps = readonly (number | string)[];

/** Returns an edit that makes one text into another and leaves alone what can be. */
export function changeOf(before: string, after: string): TextEdit {
  const [head, tail] = alike(before, after);
  const gone = before.slice(head, before.length - tail);
  const come = after.slice(head, after.length - tail);
  const middle = byCharacters(gone, come) ?? byWords(gone, come);
  return normalised([lengthOf(before.slice(0, head)), ...middle, lengthOf(before.slice(before.length - tail))]);
}

function byWords(before: string, after: string): Steps {
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
    const steps = (part < 0 ? byCharacters(before.slice(at, end), come) : undefined) ?? [come, part];
    for (const step of steps) edit.push(step);
    come = "";
    at = end;
  }
  return edit;
}

/**
 * Returns an edit that keeps the longest common subsequence of two texts; `undefined` if that is less than half of what was there, or
 * they are long.
 *
 * @see Wagner and Fischer, "The String-to-String Correction Problem" (1974)
 */
function byCharacters(gone: string, come: string): Steps | undefined {
  const [old, fresh] = [[...gone], [...come]];
  if (old.length * fresh.length > COMPARED_CHARACTERS_MAX) return undefined;
  /** How long that of what is behind two places is. */
  const width = fresh.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  const common = (x: number, y: number) => longest[x * width + y] ?? 0;
  for (let x = old.length - 1; x >= 0; x -= 1) {
    for (let y = fresh.length - 1; y >= 0; y -= 1) {
      longest[x * width + y] = old[x] === fresh[y] ? common(x + 1, y + 1) + 1 : Math.max(common(x + 1, y), common(x, y + 1));
    }
  }
  if (common(0, 0) * 2 < old.length) return undefined;
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
