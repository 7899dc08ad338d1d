/** How synchronising goes: what the hub knows, and what the application has logged itself. The names are those of spec 004. */

import { calculateBackoff, retryWithBackoff } from "./backoff.js";
import { COMMON, type Configuration, createScope, type Scope } from "./configured.js";
import type { Failure, FailureStats } from "./hub.js";

export { calculateBackoff, retryWithBackoff, type RetryOptions } from "./backoff.js";
export type { Failure, FailureStats } from "./hub.js";

/** Most failures that are kept: the latest. What the hub delivers it counts itself, and on its disk. */
const FAILURES_MAX = 1_000;
/** What counts for the health, in milliseconds back. */
const RECENT_MS = 60 * 60_000;
/** So many failures of late without a recovery are too many. */
const OPEN_FAILURES_MAX = 10;

/** A failure as an application logs it. */
export interface LoggedFailure {
  readonly type: string;
  readonly resourceType: string;
  readonly resourceId: string;
  /** Its code or its name is kept, never its message: that may hold values. A text is taken for a code. */
  readonly error: unknown;
  readonly retryCount?: number | undefined;
}

/** How synchronising goes. Source: spec 004. */
export interface SyncHealth {
  readonly healthy: boolean;
  /** Share of what failed, 0 to 1: the larger of the hub's and the application's own. */
  readonly failureRate: number;
  readonly recentFailures: number;
  readonly message: string;
}

interface Entry extends Failure {
  readonly atMs: number;
  isRecovered: boolean;
}

/** Returns functions over a hub of their own; `SyncMonitor` is what most applications use. */
export function createSyncMonitor(configuration: Configuration | Scope = {}) {
  const scope: Scope = "hub" in configuration ? configuration : createScope(configuration);
  let failures: Entry[] = [];
  let recoveries: number[] = [];

  const recent = (): readonly Entry[] => failures.filter(({ atMs }) => Date.now() - atMs < RECENT_MS);

  return {
    calculateBackoff,
    retryWithBackoff,

    /** Notes that something failed. */
    logFailure({ type, resourceType, resourceId, error, retryCount = 0 }: LoggedFailure): void {
      const atMs = Date.now();
      const entry: Entry = { timestamp: new Date(atMs).toISOString(), type, resourceType, resourceId, error: nameOf(error), retryCount, atMs, isRecovered: false };
      failures = [...failures, entry].slice(-FAILURES_MAX);
    },

    /** Notes that a resource is in order again: its failures count no more for the health. */
    logRecovery(resourceType: string, resourceId: string): void {
      for (const one of failures) if (one.resourceType === resourceType && one.resourceId === resourceId) one.isRecovered = true;
      recoveries = [...recoveries, Date.now()].slice(-FAILURES_MAX);
    },

    /** Returns the latest failures, the newest first: those of the hub, where it answers, and those that were logged here. */
    async getRecentFailures(limit = 10): Promise<readonly Failure[]> {
      const told = await scope.hub.health().then(({ failures: found }) => found, () => []);
      return [...told, ...failures.map(failureOf)].sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp)).slice(0, limit);
    },

    /** Counts failures: those of the hub, where it answers, and those that were logged here. */
    async getFailureStats(): Promise<FailureStats> {
      const told = await scope.hub.health().then(({ failureStats }) => failureStats, () => undefined);
      return merge(told, count(failures));
    },

    /** Returns how synchronising goes. A hub that does not answer is not healthy. */
    async checkSyncHealth(): Promise<SyncHealth> {
      const own = recent();
      const open = own.filter(({ isRecovered }) => !isRecovered).length;
      const mended = recoveries.filter((atMs) => Date.now() - atMs < RECENT_MS).length;
      // A single failure says nothing yet.
      const ownRate = open > OPEN_FAILURES_MAX ? open / (open + mended) : 0;
      try {
        const { healthy, failureRate, recentFailures, message } = await scope.hub.health();
        const isOwn = open > OPEN_FAILURES_MAX;
        return {
          healthy: healthy && !isOwn,
          failureRate: Math.max(failureRate, ownRate),
          recentFailures: recentFailures + own.length,
          message: healthy && isOwn ? `${open} failures of the application within an hour are not mended` : message,
        };
      } catch (error) {
        return { healthy: false, failureRate: 1, recentFailures: own.length, message: `the hub tells nothing of its health: ${nameOf(error)}` };
      }
    },
  };
}

function nameOf(error: unknown): string {
  if (typeof error === "string") return error.slice(0, 128);
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "unknown";
}

function failureOf({ timestamp, type, resourceType, resourceId, error, retryCount }: Entry): Failure {
  return { timestamp, type, resourceType, resourceId, error, retryCount };
}

function count(failures: readonly Failure[]): FailureStats {
  const tally = (names: readonly string[]): Readonly<Record<string, number>> => Object.fromEntries(tallyOf(names.map((name) => [name, 1])));
  const retries = failures.reduce((sum, { retryCount }) => sum + retryCount, 0);
  return {
    totalFailures: failures.length,
    failuresByType: tally(failures.map(({ type }) => type)),
    failuresByResource: tally(failures.map(({ resourceType }) => resourceType)),
    averageRetries: failures.length === 0 ? 0 : retries / failures.length,
  };
}

/** Adds up by name; names come from outside, and a map takes them all. */
function tallyOf(entries: readonly (readonly [name: string, count: number])[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [name, more] of entries) counts.set(name, (counts.get(name) ?? 0) + more);
  return counts;
}

function merge(one: FailureStats | undefined, other: FailureStats): FailureStats {
  if (one === undefined) return other;
  const totalFailures = one.totalFailures + other.totalFailures;
  const sum = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
    Object.fromEntries(tallyOf([...Object.entries(a), ...Object.entries(b)]));
  const retries = one.averageRetries * one.totalFailures + other.averageRetries * other.totalFailures;
  return {
    totalFailures,
    failuresByType: sum(one.failuresByType, other.failuresByType),
    failuresByResource: sum(one.failuresByResource, other.failuresByResource),
    averageRetries: totalFailures === 0 ? 0 : retries / totalFailures,
  };
}

/** What `createSyncMonitor` returns. */
export type SyncMonitorFunctions = ReturnType<typeof createSyncMonitor>;

/** The functions of spec 004. */
export const SyncMonitor: SyncMonitorFunctions = createSyncMonitor(COMMON);
