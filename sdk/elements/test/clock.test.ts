import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ago, holdClock, HOUR_MS, NOW, tidyUp } from "./stage.js";

beforeEach(() => {
  holdClock();
  vi.resetModules();
});
afterEach(tidyUp);

/** A page of its own each time: what was learnt is gone. */
async function fresh() {
  const { learnServerTime, serverNow } = await import("../src/clock.js");
  return { learnServerTime, serverNow };
}

test("the time is the device's until a server tells another one, in any of the ways in which they do", async () => {
  const cases: readonly (readonly [name: string, source: Parameters<typeof import("../src/clock.js").learnServerTime>[0], expected: number | undefined])[] = [
    ["text", ago(-HOUR_MS), NOW + HOUR_MS],
    ["number", NOW - HOUR_MS, NOW - HOUR_MS],
    ["Date", new Date(NOW), NOW],
    ["envelope", { metadata: { timestamp: ago(HOUR_MS) } }, NOW - HOUR_MS],
    ["answer", new Response("", { headers: { date: new Date(NOW + HOUR_MS).toUTCString() } }), NOW + HOUR_MS + 500],
    ["answer of a cache", new Response("", { headers: { date: new Date(NOW).toUTCString(), age: "120" } }), NOW + 120_500],
    ["answer without a date", new Response(""), undefined],
    ["no time", "soon", undefined],
    ["empty envelope", { metadata: {} } as never, undefined],
  ];
  for (const [name, source, expected] of cases) {
    vi.resetModules();
    const { learnServerTime, serverNow } = await fresh();
    expect(serverNow(), name).toBe(NOW);
    expect(learnServerTime(source), name).toBe(expected !== undefined);
    expect(serverNow(), name).toBe(expected ?? NOW);
  }
});

test("of several answers the one that was least on its way counts, until the clock of the device is set", async () => {
  const { learnServerTime, serverNow } = await fresh();
  learnServerTime(NOW + HOUR_MS - 400);
  learnServerTime(NOW + HOUR_MS - 50);
  learnServerTime(NOW + HOUR_MS - 900);
  expect(serverNow()).toBe(NOW + HOUR_MS - 50);
  vi.setSystemTime(NOW + HOUR_MS);
  learnServerTime(NOW + HOUR_MS - 100);
  expect(serverNow()).toBe(NOW + HOUR_MS - 100);
});
