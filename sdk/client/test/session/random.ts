/** Random numbers of one seed (Mulberry32). */

export interface Random {
  /** Returns a number from 0 to below 1. */
  next(): number;
  below(bound: number): number;
  percent(chance: number): boolean;
  pick<T>(from: readonly T[]): T;
}

export function newRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    percent: (chance) => below(100) < chance,
    pick: <T>(from: readonly T[]): T => {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    },
  };
}
