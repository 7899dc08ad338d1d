/** The client's end with a bad network between it and a hub: runs by seed, and the planted faults that they find. */

import { expect, test } from "vitest";

import { newSession } from "../../src/session/session.js";
import { FAULTS, withFault } from "./faults.js";
import { runWorld } from "./world.js";

/** Seeds of every run of the suite, and until a planted fault must have been found. */
const SEEDS = 60;
const SEEDS_OF_FAULT = 200;

const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

function failure(begin: typeof newSession, seed: number): string | undefined {
  try {
    runWorld(begin, seed);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? error.message : "?"}`;
  }
}

test("every change arrives once whatever the network does", () => {
  const count = Number(process.env["SYNCLINE_SEEDS"] ?? SEEDS);
  expect(seeds(count).flatMap((seed) => failure(newSession, seed) ?? [])).toEqual([]);
}, 600_000);

test("a seed runs the same twice", () => {
  for (const seed of seeds(5)) expect(runWorld(newSession, seed)).toBe(runWorld(newSession, seed));
});

test.each(Object.keys(FAULTS) as (keyof typeof FAULTS)[])("a session is found out in which %s", async (name) => {
  const begin = await withFault(name);
  expect(seeds(SEEDS_OF_FAULT).some((seed) => failure(begin, seed) !== undefined)).toBe(true);
}, 60_000);
