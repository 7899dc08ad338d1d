import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { calculateBackoff, retryWithBackoff } from "../src/backoff.js";
import { SynclineError } from "../src/error.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Runs something that fails so many times, and returns how it ended and when each attempt was made. */
async function run(failures: number, options?: Parameters<typeof retryWithBackoff>[1], error: unknown = new Error("no")) {
  const begun = Date.now();
  const attempts: number[] = [];
  const ended = retryWithBackoff(() => {
    attempts.push(Date.now() - begun);
    if (attempts.length <= failures) throw error;
    return "done";
  }, options).catch((thrown: unknown) => thrown);
  await vi.runAllTimersAsync();
  return { attempts, ended: await ended };
}

test("the wait doubles from 1 s to 30 s", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 60, 5_000].map((retry) => calculateBackoff(retry))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  expect([calculateBackoff(3, 10, 50), calculateBackoff(-1)]).toEqual([50, 1_000]);
});

test("three retries are made, as spec 004 waits, and the last error is thrown", async () => {
  const error = new Error("no");
  expect(await run(2, { hasJitter: false })).toEqual({ attempts: [0, 1_000, 3_000], ended: "done" });
  expect(await run(9, { hasJitter: false }, error)).toEqual({ attempts: [0, 1_000, 3_000, 7_000], ended: error });
  expect((await run(9, 1)).attempts).toHaveLength(2);
});

test("chance shortens a wait by at most a half, so that those who failed together do not come back together", async () => {
  const waits = new Set<number>();
  for (let round = 0; round < 50; round += 1) {
    const { attempts } = await run(1);
    expect(attempts[1]).toBeGreaterThanOrEqual(500);
    expect(attempts[1]).toBeLessThanOrEqual(1_000);
    waits.add(attempts[1] ?? 0);
  }
  expect(waits.size).toBeGreaterThan(10);
});

test("an error that says that nothing will change is thrown at once, and who asks to be left alone is", async () => {
  expect((await run(1, {}, new SynclineError("EVENT_TYPE_INVALID", "no"))).attempts).toEqual([0]);
  expect((await run(1, {}, new SynclineError("HUB_BUSY", "no", { retryable: true, retryAfterMs: 5_000 }))).attempts).toEqual([0, 5_000]);
  expect((await run(1, {}, new SynclineError("HUB_BUSY", "no", { retryable: true, retryAfterMs: 86_400_000 }))).attempts).toEqual([0, 30_000]);
});

test("whoever waits can be told to stop", async () => {
  const stop = new AbortController();
  const ended = retryWithBackoff(() => Promise.reject(new Error("no")), { signal: stop.signal }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(100);
  stop.abort("enough");
  expect(await ended).toBe("enough");
  expect(vi.getTimerCount()).toBe(0);
});
