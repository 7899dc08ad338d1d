/** When a client is connected, when edits are sent, and when it compares what it holds with the hub. */

import type { Strategy } from "../api.js";

/** How long after one comparison the next is made, in milliseconds: what was missed by a fault of either side is found within that time. */
const CHECK_MS = 600_000;

/** How often the time between comparisons doubles while they show a difference: up to a day or so. */
const DIFFERENCES_MAX = 7;

export type Plan = ReturnType<typeof newPlan>;

/** Returns the plan of a strategy; `asked` and `done` count the syncs that were asked for and that are done. */
export function newPlan(strategy: Strategy) {
  /** When the next sync begins, for a client that is not connected all the time. */
  let nextMs = 0;
  /** The sync that is under way: how many had been asked for when it began. */
  let underWay: number | undefined;
  let sinceMs: number | undefined;
  let checkAtMs = 0;
  let differences = 0;
  const staysConnected = strategy.kind === "immediate" || strategy.kind === "batch";

  return {
    asked: 0,
    done: 0,

    /** Returns whether the client is to be connected now. */
    wantsConnection(nowMs: number): boolean {
      const isDue = staysConnected || (strategy.kind === "scheduled" && nowMs >= nextMs);
      if (isDue || this.asked > this.done) underWay ??= this.asked;
      return staysConnected || underWay !== undefined;
    },

    /** Takes note that everything was sent and fetched. */
    handleSynced(nowMs: number): void {
      if (underWay === undefined) return;
      this.done = Math.max(this.done, staysConnected ? this.asked : underWay);
      underWay = undefined;
      if (strategy.kind === "scheduled") nextMs = nowMs + strategy.everyMs;
    },

    /** Returns whether edits are to be sent, given how many wait. */
    sends(pending: number, nowMs: number): boolean {
      if (strategy.kind !== "batch" || this.asked > this.done) return true;
      if (pending <= 0) {
        sinceMs = undefined;
        return false;
      }
      sinceMs ??= nowMs;
      const sends = pending >= strategy.operations || nowMs - sinceMs >= strategy.withinMs;
      if (sends) sinceMs = undefined;
      return sends;
    },

    /** Returns whether to ask the hub now what the records add up to. */
    checks(nowMs: number): boolean {
      const isTime = checkAtMs <= nowMs;
      if (isTime) checkAtMs = nowMs + CHECK_MS;
      return isTime;
    },

    /** Takes note of what a comparison showed. Where reading all anew does not help it is done more and more rarely. */
    handleCompared(isEqual: boolean, nowMs: number): void {
      differences = isEqual ? 0 : Math.min(differences + 1, DIFFERENCES_MAX);
      checkAtMs = nowMs + CHECK_MS * 2 ** differences;
    },

    /** Returns when to look again, whatever else happens. */
    deadlineMs(): number | undefined {
      if (strategy.kind === "batch") return sinceMs === undefined ? undefined : sinceMs + strategy.withinMs;
      return strategy.kind === "scheduled" && underWay === undefined ? nextMs : undefined;
    },
  };
}
