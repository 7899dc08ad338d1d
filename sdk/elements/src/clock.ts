/** The time as the server has it. */

import { millisOf } from "./age.js";
import { clockStand, JUMP_MS_MAX, renderAll } from "./shown.js";

/** What tells the time of a server: a time, an answer with a `Date`, or what spec 004 puts round its answers. */
export type ServerTime = string | number | Date | Response | { readonly metadata: { readonly timestamp: string } };

/** `Date` of an answer is cut to the second: half of one is the best guess. */
const DATE_ROUNDING_MS = 500;

let offsetMs: number | undefined;
/** How the two clocks of the device stood to each other when the offset was learnt: one of them nobody sets. */
let standMs = 0;

/** Returns the time in milliseconds since 1970: that of the server where it was learnt, else that of the device. */
export function serverNow(): number {
  return Date.now() + (offsetMs ?? 0);
}

/**
 * Learns from an answer of the server what time it is there; ages are told by it from then on, whatever the clock of the device says.
 *
 * Returns whether there was a time in it. An answer comes later than it was made, never earlier: of several the one that says the
 * latest time is nearest. Give it answers that come from the server and from no cache.
 */
export function learnServerTime(source: ServerTime): boolean {
  const told = timeIn(source);
  if (told === undefined) return false;
  const stand = clockStand();
  const offset = told - Date.now();
  const before = offsetMs;
  const isSame = before !== undefined && Math.abs(stand - standMs) < JUMP_MS_MAX;
  offsetMs = isSame ? Math.max(before, offset) : offset;
  standMs = stand;
  if (offsetMs !== before) renderAll();
  return true;
}

function timeIn(source: ServerTime): number | undefined {
  if (typeof source !== "object" || source instanceof Date) return millisOf(source);
  if ("metadata" in source) return millisOf(source.metadata?.timestamp);
  const date = Date.parse(source.headers.get("date") ?? "");
  // A cache on the way says for how long it had the answer.
  const age = Number(source.headers.get("age") ?? 0) * 1000;
  return Number.isNaN(date + age) ? undefined : date + age + DATE_ROUNDING_MS;
}
