/** The edit that makes one text into another, as a person would have made it. */

import { alike, lengthOf, normalised, replacement, type Step } from "./text.js";

/** Most words, of two texts together, that are compared, and most by which they may differ; beyond it all are replaced. */
const WORDS_MAX = 1 << 16;
const WORDS_DIFFERENT_MAX = 200;

/**
 * Returns an edit that makes one text into another, short as a person would have edited: word by word, and by characters
 * within them.
 *
 * @see Myers, "An O(ND) Difference Algorithm and Its Variations" (1986)
 */
export function difference(before: string, after: string): readonly Step[] {
  const [head, tail] = alike(before, after);
  const words = (text: string): readonly string[] => text.slice(head, text.length - tail).match(/[^\s!-/:-@[-^`{-~]+|./gsu) ?? [];
  const [old, fresh] = [words(before), words(after)];
  const edit: Step[] = [lengthOf(before.slice(0, head))];
  let [oldAt, freshAt] = [0, 0];
  for (const [x, y] of [...commonWords(old, fresh), [old.length, fresh.length] as const]) {
    const [gone, come] = [old.slice(oldAt, x).join(""), fresh.slice(freshAt, y).join("")];
    edit.push(...replacement(gone, come), lengthOf(old[x] ?? ""));
    [oldAt, freshAt] = [x + 1, y + 1];
  }
  return normalised([...edit, lengthOf(before.slice(before.length - tail))]);
}

/** Words that two texts have in common, one after another: in the first up to `end`, in the other so many before. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly diagonal: number;
  readonly before: Run | undefined;
}

/** Returns where words stand that two texts have in common, rising in both; none if too much differs. */
function commonWords(a: readonly string[], b: readonly string[]): readonly (readonly [inA: number, inB: number])[] {
  /** How far each diagonal reaches in `a`, and what was found on the way. */
  const reach = new Map<number, readonly [x: number, found: Run | undefined]>([[1, [0, undefined]]]);
  const stepsMax = a.length + b.length > WORDS_MAX ? -1 : WORDS_DIFFERENT_MAX;
  for (let steps = 0; steps <= stepsMax; steps++) {
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      const [below, foundBelow] = reach.get(diagonal - 1) ?? [-1];
      const [above, foundAbove] = reach.get(diagonal + 1) ?? [-1];
      const start = Math.max(below + 1, above);
      let end = start;
      while (end < a.length && end - diagonal < b.length && a[end] === b[end - diagonal]) end++;
      const before = below < above ? foundAbove : foundBelow;
      let found: Run | undefined = end > start ? { start, end, diagonal, before } : before;
      reach.set(diagonal, [end, found]);
      if (end < a.length || end - diagonal < b.length) continue;
      const pairs: (readonly [number, number])[] = [];
      for (; found; found = found.before) for (let at = found.end; at-- > found.start; ) pairs.push([at, at - found.diagonal]);
      return pairs.reverse();
    }
  }
  return [];
}
