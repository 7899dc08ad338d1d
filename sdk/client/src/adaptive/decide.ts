/** What follows from how a device is connected: a table, without a clock and without a browser. */

import type { Strategy } from "../api.js";
import { BATTERY_LOW, DEFER_MS, DEFER_MS_MAX, DEFER_OPERATIONS, HIDDEN_MS, ROUND_TRIP_MS } from "./limits.js";

/** How good a connection is, the worst last. `fair` is what a browser calls `3g`, `slow` what it calls `2g` and below. */
export const QUALITIES = ["good", "fair", "slow", "offline"] as const;
export type Quality = (typeof QUALITIES)[number];

/** What is known of a device and its connection; what is not there is not known. */
export interface Conditions {
  readonly isOnline: boolean;
  /** Whether somebody sees the page, or another tab of it. */
  readonly isVisible: boolean;
  /** Whether the person asked to save data, or pays by the byte. */
  readonly isSavingData?: boolean | undefined;
  /** As `navigator.connection` says: `slow-2g`, `2g`, `3g` or `4g`. */
  readonly effectiveType?: string | undefined;
  /** What was measured, in milliseconds. */
  readonly roundTripMs?: number | undefined;
  readonly battery?: { readonly level: number; readonly isCharging: boolean } | undefined;
}

/** How an app wants it; everything has a default. Times are in milliseconds, and at most five minutes. */
export interface Plan {
  /** The strategy while nothing speaks against it; `immediate`. */
  readonly strategy?: Strategy | undefined;
  /** How long edits wait for company that are not `urgent`: on a fair connection, on a slow one, to save data or battery. */
  readonly defer?: { readonly fairMs?: number; readonly slowMs?: number; readonly savingMs?: number; readonly operations?: number } | undefined;
  /** How often a page that nobody sees connects to save data or battery. */
  readonly hiddenMs?: number | undefined;
}

/** What is done. */
export interface Decision {
  readonly quality: Quality;
  /** Whether data or battery are saved. */
  readonly isSaving: boolean;
  readonly strategy: Strategy;
  /** How long an edit that is not urgent waits at most, in milliseconds. */
  readonly deferMs: number;
  /** Whether what nobody asked for may be loaded. */
  readonly mayPrefetch: boolean;
}

/** Returns how good a connection is: the worst of what is known of it. */
export function qualityOf(conditions: Conditions): Quality {
  const { isOnline, effectiveType = "4g", roundTripMs = 0 } = conditions;
  if (!isOnline) return "offline";
  if (effectiveType.endsWith("2g") || roundTripMs >= ROUND_TRIP_MS.slow) return "slow";
  return effectiveType === "3g" || roundTripMs >= ROUND_TRIP_MS.fair ? "fair" : "good";
}

/** Returns what is done with a connection of this quality. */
export function decide(quality: Quality, conditions: Conditions, plan: Plan = {}): Decision {
  const { strategy = { kind: "immediate" }, defer = {}, hiddenMs = HIDDEN_MS } = plan;
  const { battery } = conditions;
  const isSaving = conditions.isSavingData === true || (battery !== undefined && !battery.isCharging && battery.level <= BATTERY_LOW);
  const waits = {
    good: 0,
    offline: 0,
    fair: defer.fairMs ?? DEFER_MS.fair,
    slow: defer.slowMs ?? DEFER_MS.slow,
  };
  const deferMs = bounded(isSaving ? Math.max(waits[quality], defer.savingMs ?? DEFER_MS.saving) : waits[quality]);
  const mayPrefetch = quality === "good" && !isSaving;
  const decision = { quality, isSaving, mayPrefetch };
  // An app that connects by itself only now and then is not connected more often.
  if (strategy.kind === "scheduled" || strategy.kind === "event-driven") return { ...decision, strategy, deferMs: 0 };
  if (isSaving && !conditions.isVisible) {
    const everyMs = bounded(hiddenMs);
    return { ...decision, strategy: { kind: "scheduled", everyMs }, deferMs: everyMs };
  }
  // Nor are edits sent sooner than an app wants that gathers them itself.
  const ownMs = strategy.kind === "batch" ? strategy.withinMs : 0;
  if (deferMs <= ownMs) return { ...decision, strategy, deferMs: ownMs };
  return { ...decision, strategy: { kind: "batch", operations: defer.operations ?? DEFER_OPERATIONS, withinMs: deferMs }, deferMs };
}

function bounded(ms: number): number {
  return Math.min(Math.max(ms, 0), DEFER_MS_MAX);
}
