/** How old something is, and from when on that reads otherwise. Reads no clock: who asks says what time it is. */

/** A time as apps have it: ISO 8601, milliseconds since 1970, a `Date`, or nothing yet. */
export type Timestamp = string | number | Date | null | undefined;

/** How fresh data is. */
export type Freshness = "fresh" | "aging" | "stale" | "unknown";

/** From which age on data is aging, and from which on it is stale, in minutes. */
export interface Thresholds {
  readonly warningMinutes: number;
  readonly errorMinutes: number;
}

/** An age as people say it: so many units; `undefined` where a date says it better. */
export interface Age {
  readonly unit: "second" | "minute" | "hour" | "day";
  readonly count: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From here on a date says more than a count of days. */
export const RELATIVE_MS_MAX = 30 * DAY_MS;
/** How far ahead a time may be and still be taken for now: clocks of servers differ by less. Further ahead, its age is not known. */
export const AHEAD_MS_MAX = 5 * MINUTE_MS;

/** Date, time and zone as ISO 8601 has them. Browsers take much else for dates too, each in its own way. */
const ISO_FORM = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Returns milliseconds since 1970, or `undefined` for what is no time. */
export function millisOf(timestamp: Timestamp): number | undefined {
  if (timestamp === null || timestamp === undefined) return undefined;
  const text = typeof timestamp === "string" ? timestamp.trim() : undefined;
  const millis = text === undefined ? new Date(timestamp).getTime() : ISO_FORM.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(millis) ? undefined : millis;
}

/** Returns an age as people say it, and the age in milliseconds from which on they say it otherwise. */
export function ageOf(ageMs: number): { readonly age: Age | undefined; readonly untilMs: number } {
  if (ageMs < -AHEAD_MS_MAX) return { age: undefined, untilMs: -AHEAD_MS_MAX };
  if (ageMs < MINUTE_MS) return { age: { unit: "second", count: 0 }, untilMs: MINUTE_MS };
  if (ageMs >= RELATIVE_MS_MAX) return { age: undefined, untilMs: Infinity };
  const [unit, unitMs] = ageMs < HOUR_MS ? (["minute", MINUTE_MS] as const) : ageMs < DAY_MS ? (["hour", HOUR_MS] as const) : (["day", DAY_MS] as const);
  const count = Math.floor(ageMs / unitMs);
  return { age: { unit, count }, untilMs: (count + 1) * unitMs };
}

/** Returns how fresh what is so old is, and the age in milliseconds from which on it is otherwise. A threshold that is reached counts. */
export function freshnessOf(ageMs: number, { warningMinutes, errorMinutes }: Thresholds): { readonly freshness: Freshness; readonly untilMs: number } {
  if (ageMs < -AHEAD_MS_MAX) return { freshness: "unknown", untilMs: -AHEAD_MS_MAX };
  const staleMs = errorMinutes * MINUTE_MS;
  if (ageMs >= staleMs) return { freshness: "stale", untilMs: Infinity };
  const agingMs = warningMinutes * MINUTE_MS;
  return ageMs >= agingMs ? { freshness: "aging", untilMs: staleMs } : { freshness: "fresh", untilMs: Math.min(agingMs, staleMs) };
}
