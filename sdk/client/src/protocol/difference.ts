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
  const words = (text: string): readonly string[] => text.slice(head, text.length - tail).match(/[\p{L}\p{N}_]+|./gsu) ?? [];
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

/** Returns where words stand that two texts have in common, rising in both; none if too much differs. */
function commonWords(a: readonly string[], b: readonly string[]): readonly (readonly [inA: number, inB: number])[] {
  /** For each number of steps, how far each diagonal reaches in `a`. */
  const rounds: Map<number, number>[] = [];
  const reach = new Map([[1, 0]]);
  const stepTo = (round: ReadonlyMap<number, number>, k: number): number => {
    const [below, above] = [round.get(k - 1) ?? -1, round.get(k + 1) ?? -1];
    return below < above ? above : below + 1;
  };
  const stepsMax = a.length + b.length > WORDS_MAX ? -1 : WORDS_DIFFERENT_MAX;
  for (let d = 0; d <= stepsMax; d++) {
    rounds.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      let x = stepTo(reach, k);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x < a.length || x - k < b.length) continue;
      const found: (readonly [number, number])[] = [];
      for (let [at, on] = [x, k]; d >= 0; d--) {
        const round = rounds[d] as Map<number, number>;
        const from = stepTo(round, on);
        while (at > from) found.push([--at, at - on]);
        const isFromAbove = (round.get(on - 1) ?? -1) < (round.get(on + 1) ?? -1);
        on += isFromAbove ? 1 : -1;
        at = isFromAbove ? from : from - 1;
      }
      return found.reverse();
    }
  }
  return [];
}
