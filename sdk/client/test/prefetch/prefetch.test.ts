import { describe, expect, test, vi } from "vitest";
import { createCache, createModel, prefetch, type Model } from "../../src/prefetch/index.js";
import { CONTEXTS_MAX, FOLLOWERS_MAX, LOAD_MS_MAX, OPENED_MAX } from "../../src/prefetch/limits.js";

/** Idle time that comes when the test says so. */
function idleTime() {
  const waiting: (() => void)[] = [];
  return {
    idle: (run: () => void) => {
      waiting.push(run);
      return () => void waiting.splice(waiting.indexOf(run), 1);
    },
    async pass() {
      for (let runs = 0; waiting.length > 0 && runs < 100; runs += 1) {
        waiting.shift()?.();
        await new Promise((done) => setImmediate(done));
      }
    },
  };
}

/** Foresees the same for ever. */
function foreseeing(...keys: string[]): Model {
  return { note() {}, begin() {}, save: () => "", predict: (count) => keys.slice(0, count).map((key) => ({ key, likelihood: 0.5 })) };
}

describe("the model", () => {
  test("foresees what has followed", () => {
    const model = createModel();
    for (const key of ["a", "b", "c", "a", "b", "c", "a"]) model.note(key);
    expect(model.predict(1)[0]?.key).toBe("b");
  });

  test("foresees by the last two openings what the last alone leaves open", () => {
    const model = createModel();
    for (let round = 0; round < 5; round += 1) for (const key of ["morning", "list", "x", "evening", "list", "y"]) model.note(key);
    model.note("morning");
    model.note("list");
    expect(model.predict(1)[0]?.key).toBe("x");
    model.note("x");
    model.note("evening");
    model.note("list");
    expect(model.predict(1)[0]?.key).toBe("y");
  });

  test("does not foresee what is open already", () => {
    const model = createModel();
    for (const key of ["a", "a", "a", "b", "a"]) model.note(key);
    expect(model.predict(9).map((prediction) => prediction.key)).not.toContain("a");
  });

  test("says likelihoods that are at most one in all", () => {
    const model = createModel();
    for (let at = 0; at < 500; at += 1) model.note(`k${(at * at) % 17}`);
    const sum = model.predict(1_000).reduce((sum, prediction) => sum + prediction.likelihood, 0);
    expect(sum).toBeGreaterThan(0.5);
    expect(sum).toBeLessThanOrEqual(1 + 1e-9);
  });

  test("forgets a habit that has ended", () => {
    const model = createModel();
    for (let round = 0; round < 300; round += 1) for (const key of ["list", "old"]) model.note(key);
    for (let round = 0; round < 300; round += 1) for (const key of ["list", "new"]) model.note(key);
    model.note("list");
    expect(model.predict(1)[0]?.key).toBe("new");
  });

  test("follows nothing where a stretch of use has begun", () => {
    const model = createModel();
    for (const key of ["a", "b", "c", "c2", "c", "c2", "c", "c2", "a"]) model.note(key);
    expect(model.predict(1)[0]?.key).toBe("b");
    model.begin();
    expect(model.predict(1)[0]?.key).not.toBe("b");
  });

  test("stays within its bounds, whatever is opened", () => {
    const model = createModel();
    for (let at = 0; at < 3 * CONTEXTS_MAX; at += 1) {
      model.note("hub");
      model.note(`k${at}`);
    }
    const [opened, after] = JSON.parse(model.save()) as [unknown[], [string, unknown[]][]];
    expect(opened.length).toBeLessThanOrEqual(OPENED_MAX);
    expect(after.length).toBeLessThanOrEqual(CONTEXTS_MAX);
    expect(Math.max(...after.map(([, row]) => row.length))).toBeLessThanOrEqual(FOLLOWERS_MAX);
  });

  test("goes on from what it has saved", () => {
    const model = createModel();
    for (const key of ["a", "b", "c", "a", "b", "c"]) model.note(key);
    const again = createModel(model.save());
    again.note("a");
    expect(again.predict(1)[0]?.key).toBe("b");
  });

  test("begins anew where what was saved cannot be read", () => {
    for (const saved of ["", "{", "null", "7", '["a"]', '[[["a",-1],["b","x"],[3,4]],[["a"],[7,[["b",1]]],["c",[["d",1e99]]]]]', '{"__proto__":1}']) {
      const model = createModel(saved);
      model.note("a");
      expect(model.predict(9), saved).toEqual([]);
    }
  });
});

describe("the cache", () => {
  test("drops what was used longest ago", () => {
    const cache = createCache<number>(2, 1);
    cache.put("a", 1);
    cache.put("b", 2);
    cache.use("a");
    cache.put("c", 3);
    expect([cache.has("a"), cache.has("b"), cache.has("c"), cache.size]).toEqual([true, false, true, 2]);
  });

  test("keeps what was opened, however much is loaded ahead", () => {
    const cache = createCache<number>(10, 3);
    for (let at = 0; at < 7; at += 1) cache.put(`used${at}`, at);
    for (let at = 0; at < 100; at += 1) cache.putAhead(`ahead${at}`, at);
    for (let at = 0; at < 7; at += 1) expect(cache.has(`used${at}`)).toBe(true);
    expect(cache.size).toBe(10);
    expect(cache.has("ahead96")).toBe(false);
    expect(cache.has("ahead97")).toBe(true);
  });

  test("keeps what was loaded ahead as opened once it is", () => {
    const cache = createCache<number>(3, 1);
    cache.putAhead("a", 1);
    expect(cache.use("a")).toEqual({ value: 1, wasAhead: true });
    cache.putAhead("b", 2);
    cache.putAhead("c", 3);
    expect(cache.use("a")).toEqual({ value: 1, wasAhead: false });
  });
});

describe("prefetching", () => {
  test("loads ahead in idle time only, one thing at a time", async () => {
    const time = idleTime();
    const loaded: string[] = [];
    const things = prefetch({ load: async (key) => loaded.push(key), model: foreseeing("b", "c"), idle: time.idle, mayLoad: () => true });
    await things.open("a");
    expect(loaded).toEqual(["a"]);
    await time.pass();
    expect(loaded).toEqual(["a", "b", "c"]);
    await things.open("b");
    expect(loaded).toEqual(["a", "b", "c"]);
    expect(things.counts()).toEqual({ opened: 2, hits: 1, foreseen: 1, loadedAhead: 2, failedAhead: 0 });
  });

  test("loads nothing ahead while the connection is not good", async () => {
    const time = idleTime();
    const loaded: string[] = [];
    let isGood = false;
    const things = prefetch({ load: async (key) => loaded.push(key), model: foreseeing("b"), idle: time.idle, mayLoad: () => isGood });
    await things.open("a");
    await time.pass();
    expect(loaded).toEqual(["a"]);
    isGood = true;
    await things.open("a");
    await time.pass();
    expect(loaded).toEqual(["a", "b"]);
  });

  test("loads nothing that is not likely enough", async () => {
    const time = idleTime();
    const loaded: string[] = [];
    const things = prefetch({ load: async (key) => loaded.push(key), model: foreseeing("b"), likelihoodMin: 0.6, idle: time.idle, mayLoad: () => true });
    await things.open("a");
    await time.pass();
    expect(loaded).toEqual(["a"]);
  });

  test("loads once what two ask for at the same time", async () => {
    const time = idleTime();
    let loads = 0;
    const things = prefetch({ load: async () => (loads += 1), idle: time.idle });
    expect(await Promise.all([things.open("a"), things.open("a")])).toEqual([1, 1]);
    expect(await things.open("a")).toBe(1);
  });

  test("hands the failure of a load to who asked, and loads again", async () => {
    const time = idleTime();
    let fails = true;
    const load = async () => {
      if (fails) throw new Error("no network");
      return 1;
    };
    const things = prefetch({ load, idle: time.idle, model: foreseeing("b"), mayLoad: () => true });
    await expect(things.open("a")).rejects.toThrow("no network");
    await time.pass();
    expect(things.counts()).toMatchObject({ loadedAhead: 0, failedAhead: 1 });
    fails = false;
    expect(await things.open("a")).toBe(1);
    expect(await things.open("b")).toBe(1);
  });

  test("asks again for what was loaded ahead and is opened just when that fails", async () => {
    const time = idleTime();
    const ends: ((fails: boolean) => void)[] = [];
    const load = (key: string) => new Promise<string>((resolve, reject) => ends.push((fails) => (fails ? reject(new Error("lost")) : resolve(key))));
    const things = prefetch({ load, idle: time.idle, model: foreseeing("b"), mayLoad: () => true });
    const first = things.open("a");
    await Promise.resolve();
    ends.shift()?.(false);
    await first;
    await time.pass();
    const opened = things.open("b");
    ends.shift()?.(true);
    await vi.waitFor(() => expect(ends.length).toBe(1));
    ends.shift()?.(false);
    expect(await opened).toBe("b");
  });

  test("gives up loading ahead what hangs, and goes on", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const time = idleTime();
      const signals: AbortSignal[] = [];
      const load = (key: string, signal: AbortSignal) => {
        signals.push(signal);
        return key === "b" ? new Promise<string>(() => {}) : Promise.resolve(key);
      };
      const things = prefetch({ load, idle: time.idle, model: foreseeing("b", "c"), mayLoad: () => true });
      await things.open("a");
      await time.pass();
      expect(things.peek("c")).toBeUndefined();
      await vi.advanceTimersByTimeAsync(LOAD_MS_MAX);
      await time.pass();
      expect(signals[1]?.aborted).toBe(true);
      expect(things.peek("c")).toBe("c");
    } finally {
      vi.useRealTimers();
    }
  });

  test("does not keep what was forgotten while it was under way", async () => {
    const time = idleTime();
    let version = 1;
    const things = prefetch({ load: async () => version, idle: time.idle });
    const opened = things.open("a");
    things.forget("a");
    version = 2;
    await opened;
    expect(things.peek("a")).toBeUndefined();
    expect(await things.open("a")).toBe(2);
  });

  test("drops everything when it is closed", async () => {
    const time = idleTime();
    const loaded: string[] = [];
    const things = prefetch({ load: async (key) => loaded.push(key), model: foreseeing("b"), idle: time.idle, mayLoad: () => true });
    await things.open("a");
    things.close();
    await time.pass();
    expect(loaded).toEqual(["a"]);
    expect(things.peek("a")).toBeUndefined();
  });
});
