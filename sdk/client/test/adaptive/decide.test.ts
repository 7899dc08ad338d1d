import { describe, expect, test } from "vitest";
import { decide, QUALITIES, qualityOf, type Conditions, type Plan } from "../../src/adaptive/index.js";
import { DEFER_MS_MAX } from "../../src/adaptive/limits.js";

const WELL: Conditions = { isOnline: true, isVisible: true };
const LOW = { level: 0.15, isCharging: false };
const immediate = { kind: "immediate" } as const;
const batch = (withinMs: number, operations = 100) => ({ kind: "batch", operations, withinMs }) as const;
const scheduled = (everyMs: number) => ({ kind: "scheduled", everyMs }) as const;

describe("the quality of a connection", () => {
  const rows: [string, Partial<Conditions>, string][] = [
    ["nothing is known", {}, "good"],
    ["no network", { isOnline: false, effectiveType: "4g" }, "offline"],
    ["4g", { effectiveType: "4g" }, "good"],
    ["3g", { effectiveType: "3g" }, "fair"],
    ["2g", { effectiveType: "2g" }, "slow"],
    ["slow-2g", { effectiveType: "slow-2g" }, "slow"],
    ["a word of a later browser", { effectiveType: "5g" }, "good"],
    ["short round trips", { roundTripMs: 269 }, "good"],
    ["long round trips", { roundTripMs: 270 }, "fair"],
    ["very long round trips", { roundTripMs: 1_400 }, "slow"],
    ["4g to a hub far away", { effectiveType: "4g", roundTripMs: 2_000 }, "slow"],
  ];
  test.each(rows)("with %s", (_, conditions, quality) => {
    expect(qualityOf({ ...WELL, ...conditions })).toBe(quality);
  });
});

describe("the decision", () => {
  const rows: [string, Partial<Conditions>, Plan, unknown, number, boolean][] = [
    ["all is well", {}, {}, immediate, 0, true],
    ["nobody sees the page", { isVisible: false }, {}, immediate, 0, true],
    ["no network", { isOnline: false }, {}, immediate, 0, false],
    ["3g", { effectiveType: "3g" }, {}, batch(500), 500, false],
    ["2g", { effectiveType: "2g" }, {}, batch(5_000), 5_000, false],
    ["saving data", { isSavingData: true }, {}, batch(30_000), 30_000, false],
    ["saving data on 2g", { isSavingData: true, effectiveType: "2g" }, {}, batch(30_000), 30_000, false],
    ["low battery", { battery: LOW }, {}, batch(30_000), 30_000, false],
    ["low battery at a charger", { battery: { ...LOW, isCharging: true } }, {}, immediate, 0, true],
    ["half a battery", { battery: { level: 0.5, isCharging: false } }, {}, immediate, 0, true],
    ["saving data, and nobody sees the page", { isSavingData: true, isVisible: false }, {}, scheduled(300_000), 300_000, false],
    ["2g, and nobody sees the page", { effectiveType: "2g", isVisible: false }, {}, batch(5_000), 5_000, false],
    ["an app that says how long", { effectiveType: "2g" }, { defer: { slowMs: 9_000, operations: 7 } }, batch(9_000, 7), 9_000, false],
    ["an app that wants too long", { effectiveType: "2g" }, { defer: { slowMs: 1e9 } }, batch(DEFER_MS_MAX), DEFER_MS_MAX, false],
    ["an app that defers nothing", { effectiveType: "2g" }, { defer: { slowMs: 0 } }, immediate, 0, false],
    ["an app that gathers longer itself", { effectiveType: "3g" }, { strategy: batch(60_000, 5) }, batch(60_000, 5), 60_000, false],
    ["an app that gathers shorter", { effectiveType: "2g" }, { strategy: batch(200, 5) }, batch(5_000), 5_000, false],
    ["an app that connects now and then", { effectiveType: "2g", isSavingData: true }, { strategy: scheduled(900_000) }, scheduled(900_000), 0, false],
    ["an app that connects when it wants", { battery: LOW, isVisible: false }, { strategy: { kind: "event-driven" } }, { kind: "event-driven" }, 0, false],
  ];
  test.each(rows)("with %s", (_, changed, plan, strategy, deferMs, mayPrefetch) => {
    const conditions = { ...WELL, ...changed };
    expect(decide(qualityOf(conditions), conditions, plan)).toMatchObject({ strategy, deferMs, mayPrefetch });
  });

  test("holds no edit back for longer than five minutes, whatever comes together", () => {
    const levels = [undefined, LOW];
    for (const quality of QUALITIES)
      for (const isVisible of [true, false])
        for (const isSavingData of [true, false])
          for (const battery of levels)
            for (const ms of [-1, 0, 1e12]) {
              const plan = { defer: { fairMs: ms, slowMs: ms, savingMs: ms }, hiddenMs: ms };
              const { strategy, deferMs } = decide(quality, { isOnline: true, isVisible, isSavingData, battery }, plan);
              const waits = strategy.kind === "batch" ? strategy.withinMs : strategy.kind === "scheduled" ? strategy.everyMs : 0;
              expect(waits).toBeLessThanOrEqual(DEFER_MS_MAX);
              expect(waits).toBeGreaterThanOrEqual(0);
              expect(deferMs).toBe(waits);
            }
  });
});
