import { expect, test } from "vitest";
import { ageOf, AHEAD_MS_MAX, freshnessOf, millisOf, RELATIVE_MS_MAX } from "../src/age.js";
import { COLOURS } from "../src/look.js";
import { STATES } from "../src/words.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

test("what is no time is none, in every browser alike", () => {
  const at = Date.parse("2024-01-31T12:00:00.000Z");
  for (const time of ["2024-01-31T12:00:00.000Z", " 2024-01-31T12:00Z ", "2024-01-31T13:00:00+01:00", at, new Date(at)]) expect(millisOf(time), String(time)).toBe(at);
  expect(millisOf("2024-01-31")).toBe(Date.parse("2024-01-31T00:00:00Z"));
  for (const time of [null, undefined, "", "soon", "1706702400000", "Jan 31, 2024", "note 1", "2024-13-31", NaN, Infinity, new Date(NaN)]) {
    expect(millisOf(time), String(time)).toBeUndefined();
  }
});

test("an age changes its words exactly at the boundary, and says before where the next one is", () => {
  const cases: readonly (readonly [ageMs: number, said: string])[] = [
    [-AHEAD_MS_MAX - 1, "date"],
    [-AHEAD_MS_MAX, "0 second"],
    [0, "0 second"],
    [MINUTE_MS - 1, "0 second"],
    [MINUTE_MS, "1 minute"],
    [2 * MINUTE_MS - 1, "1 minute"],
    [59 * MINUTE_MS, "59 minute"],
    [HOUR_MS - 1, "59 minute"],
    [HOUR_MS, "1 hour"],
    [DAY_MS - 1, "23 hour"],
    [DAY_MS, "1 day"],
    [RELATIVE_MS_MAX - 1, "29 day"],
    [RELATIVE_MS_MAX, "date"],
  ];
  const say = (ageMs: number): string => {
    const { age } = ageOf(ageMs);
    return age ? `${age.count} ${age.unit}` : "date";
  };
  for (const [ageMs, said] of cases) expect(say(ageMs), String(ageMs)).toBe(said);
  // Walked from boundary to boundary, it changes at each and nowhere between.
  for (let at = -AHEAD_MS_MAX - 5; at < RELATIVE_MS_MAX; ) {
    const { untilMs } = ageOf(at);
    expect(say(untilMs - 1), String(at)).toBe(say(at));
    expect(say(untilMs), String(at)).not.toBe(say(at));
    at = untilMs;
  }
});

test("freshness changes exactly at 60 and 180 minutes", () => {
  const thresholds = { warningMinutes: 60, errorMinutes: 180 };
  const cases = [
    [-AHEAD_MS_MAX - 1, "unknown", -AHEAD_MS_MAX],
    [-1, "fresh", HOUR_MS],
    [HOUR_MS - 1, "fresh", HOUR_MS],
    [HOUR_MS, "aging", 3 * HOUR_MS],
    [3 * HOUR_MS - 1, "aging", 3 * HOUR_MS],
    [3 * HOUR_MS, "stale", Infinity],
  ] as const;
  for (const [ageMs, freshness, untilMs] of cases) expect(freshnessOf(ageMs, thresholds)).toEqual({ freshness, untilMs });
  // Thresholds in the wrong order: what is stale is not called aging.
  expect(freshnessOf(HOUR_MS, { warningMinutes: 90, errorMinutes: 60 }).freshness).toBe("stale");
  expect(freshnessOf(0, { warningMinutes: 90, errorMinutes: 60 }).untilMs).toBe(HOUR_MS);
});

/** Relative luminance as WCAG 2 defines it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test("every colour has a contrast of 4.5 on its ground", () => {
  expect(contrast("#ffffff", "#000000")).toBeCloseTo(21);
  expect(contrast("#ffffff", "#777777")).toBeLessThan(4.5);
  for (const [name, [light, dark]] of Object.entries(COLOURS)) {
    expect(contrast(light, "#ffffff"), name).toBeGreaterThanOrEqual(4.5);
    expect(contrast(dark, "#1f1f1f"), name).toBeGreaterThanOrEqual(4.5);
  }
  expect(STATES).toHaveLength(7);
});
