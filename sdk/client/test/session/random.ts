/** Random things of one seed. */

import { randomFrom } from "../random.js";

export interface Random {
  /** Returns a number from 0 to below 1. */
  next(): number;
  below(bound: number): number;
  percent(chance: number): boolean;
  pick<T>(from: readonly T[]): T;
}

export function newRandom(seed: number): Random {
  const next = randomFrom(seed);
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
