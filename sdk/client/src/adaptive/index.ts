/**
 * Sends as suits the connection: at once on a good one, gathered on a slow one or to save data or battery.
 *
 * ```ts
 * const adapted = adaptive(client, { probe: () => fetch(`${url}/healthz`, { mode: "no-cors", cache: "no-store" }) });
 * client.edit("orders", "o1", (order) => order.set("/paid", true), { priority: "urgent" }); // never waits
 * ```
 *
 * An edit that waits is durable on the device and shown as always. Only its sending waits, for a bounded time.
 */

import type { Client } from "../api.js";
import { decide, QUALITIES, qualityOf, type Decision, type Plan, type Quality } from "./decide.js";
import { PROBE_EVERY_MS, PROBE_MS_MAX, ROUND_TRIP_VALID_MS, ROUND_TRIPS, STEADY_MS } from "./limits.js";
import { thisPlatform, watch, type Platform } from "./platform.js";
import { otherTabs } from "./tabs.js";

export { decide, qualityOf, QUALITIES, type Conditions, type Decision, type Plan, type Quality } from "./decide.js";
export type { Platform, PlatformBattery, PlatformConnection } from "./platform.js";

export interface AdaptiveOptions extends Plan {
  /** Asks the hub for something small: how long that takes tells the connection where the browser does not (Firefox, Safari). */
  readonly probe?: () => Promise<unknown>;
  readonly onDecision?: (decision: Decision) => void;
  /** What is read of the browser; another one in a test or an app of its own. */
  readonly platform?: Platform;
  /** Milliseconds. */
  readonly now?: () => number;
}

export interface Adaptive {
  /** What is done now; the same object until something changes. */
  decision(): Decision;
  /** Takes note of a round trip to the hub, in milliseconds. */
  noteRoundTrip(ms: number): void;
  /** Ends, and goes back to the strategy of good connections. */
  close(): void;
}

/** Has a client send as suits the connection. */
export function adaptive(client: Client, options: AdaptiveOptions = {}): Adaptive {
  const { probe, onDecision, platform = thisPlatform(), now = () => performance.now() } = options;
  const watched = watch(platform, judge);
  let roundTrips: { readonly ms: number; readonly whenMs: number }[] = [];
  let quality = qualityOf(watched.conditions());
  /** A better quality, and since when it would be that. */
  let better: { readonly quality: Quality; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  let decision: Decision | undefined;
  let isClosed = false;
  let isProbing = false;
  const others = otherTabs(client.id, judge, now);

  function conditions() {
    const own = watched.conditions();
    others.say(own.isVisible);
    const told = { ...own, isVisible: own.isVisible || others.isOneVisible() };
    const valid = roundTrips.filter(({ whenMs }) => now() - whenMs < ROUND_TRIP_VALID_MS).map(({ ms }) => ms);
    // What was measured here is about this hub.
    return valid.length === 0 ? told : { ...told, roundTripMs: median(valid) };
  }

  function judge(): void {
    if (isClosed) return;
    const next = qualityOf(conditions());
    // Worse counts at once, better once it has been so for a while; but who was offline takes what there is.
    if (rank(next) >= rank(quality) || quality === "offline") {
      settleOn(next);
    } else if (better?.quality !== next) {
      clearTimeout(better?.timer);
      better = { quality: next, timer: setTimeout(() => settleOn(qualityOf(conditions())), STEADY_MS) };
    }
    apply();
  }

  function settleOn(next: Quality): void {
    clearTimeout(better?.timer);
    better = undefined;
    quality = next;
    apply();
  }

  function apply(): void {
    if (isClosed) return;
    const next = decide(quality, conditions(), options);
    if (isSame(next, decision)) return;
    if (!isSame(next.strategy, decision?.strategy)) client.setStrategy(next.strategy);
    decision = next;
    onDecision?.(next);
  }

  async function measure(): Promise<void> {
    const { isOnline, isVisible } = watched.conditions();
    if (probe === undefined || isProbing || isClosed || !isOnline || !isVisible) return;
    isProbing = true;
    const beganAt = now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<void>((done) => (timer = setTimeout(done, PROBE_MS_MAX)));
    try {
      await Promise.race([probe(), tooLong]);
      noteRoundTrip(now() - beganAt);
    } catch {
      // No answer is no round trip: the client finds out by itself that it has no connection.
    } finally {
      clearTimeout(timer);
      isProbing = false;
    }
  }

  function noteRoundTrip(ms: number): void {
    if (!(ms >= 0)) return;
    roundTrips = [...roundTrips.slice(1 - ROUND_TRIPS), { ms, whenMs: now() }];
    judge();
  }

  others.ask();
  apply();
  const timer = probe !== undefined && !watched.tellsConnection ? setInterval(() => void measure(), PROBE_EVERY_MS) : undefined;
  if (timer !== undefined) void measure();
  return {
    decision: () => decision ?? decide(quality, conditions(), options),
    noteRoundTrip,
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      clearTimeout(better?.timer);
      watched.close();
      others.close();
      client.setStrategy(options.strategy ?? { kind: "immediate" });
    },
  };
}

const rank = (quality: Quality) => QUALITIES.indexOf(quality);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Returns whether two plain objects of numbers and words are equal. */
function isSame(a: object, b: object | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
