/**
 * How often what was opened was there already, on a trace (`trace.ts`), with the same room as a plain LRU cache has.
 *
 * `UPDATE_TRACE=1` writes the stored trace anew.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createCache, createModel, prefetch, type Model } from "../../src/prefetch/index.js";
import { randomFrom } from "../random.js";
import { traceOf, type Opening } from "./trace.js";

const SEED = 20_260;
const CAPACITY = 40;
/** How long one load takes, in the time of the trace. */
const LOAD_MS = 200;
/** By how much prefetching is to beat plain LRU, in parts of all openings. */
const MARGIN = 0.1;
const STORED = new URL("./trace.json", import.meta.url);

/** The stored trace: each opening as key, thinking time, and 1 where a session begins. */
function stored(): readonly Opening[] {
  const rows = JSON.parse(readFileSync(STORED, "utf8")) as readonly (readonly [string, number, number])[];
  return rows.map(([key, thinkMs, begins]) => ({ key, thinkMs, begins: begins === 1 }));
}

function hitRateOfLru(trace: readonly Opening[], capacity = CAPACITY): number {
  const cache = createCache<string>(capacity, 0);
  let hits = 0;
  for (const { key } of trace) {
    if (cache.use(key) !== undefined) hits += 1;
    else cache.put(key, key);
  }
  return hits / trace.length;
}

/** Runs the real thing: as many loads ahead are through before the next opening as the thinking before it allows. */
async function measured(trace: readonly Opening[], model: Model, capacity = CAPACITY): Promise<{ hitRate: number; loads: number }> {
  const waiting: (() => void)[] = [];
  const idle = (run: () => void) => {
    waiting.push(run);
    return () => waiting.splice(waiting.indexOf(run), 1);
  };
  let loads = 0;
  const load = async (key: string) => {
    loads += 1;
    return key;
  };
  const things = prefetch({ load, capacity, model, idle, mayLoad: () => true });
  for (const { key, thinkMs, begins } of trace) {
    if (begins) things.begin();
    expect(await things.open(key)).toBe(key);
    for (let left = thinkMs; left >= LOAD_MS && waiting.length > 0; left -= LOAD_MS) {
      waiting.shift()?.();
      // The load, what keeps it, what asks for the next: all of them are only promises here.
      await new Promise((done) => setImmediate(done));
    }
    // A click before the load is through finds it under way: what was begun is left to end, and counts as a miss.
  }
  const { opened, hits } = things.counts();
  expect(opened).toBe(trace.length);
  things.close();
  return { hitRate: hits / opened, loads };
}

/** A model that foresees what was opened seldom, and nothing that follows. */
function badModel(): Model {
  const random = randomFrom(7);
  const model = createModel();
  return {
    ...model,
    predict: (count) => Array.from({ length: count }, () => ({ key: `p${Math.floor(random() * 12)}/r${Math.floor(random() * 50)}`, likelihood: 0.5 })),
  };
}

/** Returns a share in whole percent. */
const percent = (share: number) => Math.round(share * 100);

describe("the hit rate of prefetching", () => {
  test("is measured on the stored trace, which the seed makes again", () => {
    const made = traceOf(SEED);
    if (process.env["UPDATE_TRACE"] === "1") {
      const rows = made.map(({ key, thinkMs, begins }) => JSON.stringify([key, thinkMs, begins ? 1 : 0]));
      writeFileSync(STORED, `[${rows.join(",\n")}]\n`);
    }
    expect(stored()).toEqual(made);
  });

  test("beats plain LRU by ten parts of a hundred on the stored trace", async () => {
    const trace = stored();
    const lru = hitRateOfLru(trace);
    const { hitRate, loads } = await measured(trace, createModel());
    console.info(`openings ${trace.length}, hits: LRU ${percent(lru)} %, prefetch ${percent(hitRate)} %, loads ${loads}`);
    expect(hitRate - lru).toBeGreaterThan(MARGIN);
  });

  test("is never far below that of plain LRU, whatever there is room for", async () => {
    const trace = stored();
    for (const capacity of [10, 20, 40, 80, 160]) {
      const lru = hitRateOfLru(trace, capacity);
      const { hitRate, loads } = await measured(trace, createModel(), capacity);
      console.info(`room for ${capacity}: LRU ${percent(lru)} %, prefetch ${percent(hitRate)} %, loads ${loads}`);
      expect(hitRate).toBeGreaterThan(lru - 0.02);
    }
  });

  test("beats plain LRU by that with other seeds", async () => {
    for (const seed of [1, 2, 3]) {
      const trace = traceOf(seed);
      const { hitRate } = await measured(trace, createModel());
      expect(hitRate - hitRateOfLru(trace), `seed ${seed}`).toBeGreaterThan(MARGIN);
    }
  });

  test("of a model that foresees badly does not beat plain LRU, and costs little", async () => {
    const trace = stored();
    const lru = hitRateOfLru(trace);
    const { hitRate } = await measured(trace, badModel());
    console.info(`a bad model: ${percent(hitRate)} %`);
    expect(hitRate - lru).toBeLessThan(MARGIN / 2);
    expect(lru - hitRate).toBeLessThan(0.1);
  });

  test("where nobody has habits is near that of plain LRU", async () => {
    const trace = traceOf(SEED, false);
    const lru = hitRateOfLru(trace);
    const { hitRate } = await measured(trace, createModel());
    console.info(`no habits: LRU ${percent(lru)} %, prefetch ${percent(hitRate)} %`);
    expect(lru - hitRate).toBeLessThan(0.05);
  });
});
