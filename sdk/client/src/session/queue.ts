/** Operations that are under way: which of them may be sent now, and which are unanswered. */

import type { Operation } from "../protocol/operation.js";
import { isBehind, laneOf, nothingStands, stand, type Stands } from "./lane.js";
import { GATHER_OPERATIONS, RETRY_MS_FIRST, RETRY_MS_MAX } from "./limits.js";
import { bytesOf } from "./size.js";

interface Held {
  readonly operation: Operation;
  readonly lane: string;
  readonly isUrgent: boolean;
  readonly handedMs: number;
  readonly bytes: number;
  isInFlight: boolean;
  /** Whether the hub may have applied it already: it was sent, and the answer was lost. */
  isUncertain: boolean;
  /** What was refused before it while it was in flight. */
  refused: number | undefined;
  /** How often it was answered "later", and until when it waits for that. */
  attempts: number;
  notBeforeMs: number;
}

/** What could be sent at once. Of what is more than a batch no more is counted. */
export interface Ready {
  count: number;
  /** Since when the oldest waits. */
  sinceMs: number | undefined;
  /** Whether one of them does not wait for company. */
  isUrgent: boolean;
  /** When an operation that was answered "later" may go. */
  nextMs: number | undefined;
}

/** An operation that was asked for, and the one that was refused before it. */
export type SetAside = readonly [operation: Operation, because: number];

const least = (a: number | undefined, b: number): number => (a === undefined || b < a ? b : a);

/**
 * Returns a queue of operations that the shell has handed in and that were not answered for good.
 *
 * None overtakes an earlier one of its lane, nor one that it comes after, whatever holds that one up. It holds thousands at
 * most, so that to look at each of them once a message costs little; what the shell keeps beside them it never sees.
 */
export function newQueue() {
  /** By counter, rising. */
  let held = new Map<number, Held>();
  let highest = 0;
  /** How many operations of a lane are in flight. */
  const flight = new Map<string, number>();
  /** How many wait that are urgent, and how many the hub may have applied already. */
  let urgent = 0;
  let uncertain = 0;
  /** What stands because of refusals that the shell does not know yet. */
  let untold: (Stands & { readonly counter: number })[] = [];

  const fly = (one: Held, isInFlight: boolean): void => {
    if (one.isInFlight === isInFlight) return;
    one.isInFlight = isInFlight;
    const count = (flight.get(one.lane) ?? 0) + (isInFlight ? 1 : -1);
    if (count > 0) flight.set(one.lane, count);
    else flight.delete(one.lane);
    if (one.isUrgent) urgent += isInFlight ? -1 : 1;
  };

  const doubt = (one: Held, isUncertain: boolean): void => {
    if (one.isUncertain !== isUncertain) uncertain += isUncertain ? 1 : -1;
    one.isUncertain = isUncertain;
  };

  const letGo = (one: Held): void => {
    fly(one, false);
    doubt(one, false);
    if (one.isUrgent) urgent -= 1;
    held.delete(one.operation.op);
  };

  const isBehindFlight = ({ lane, operation }: Held): boolean =>
    flight.has(lane) || operation.after?.some((counter) => held.get(counter)?.isInFlight === true) === true;

  /**
   * Walks over what may be sent now, in order. `visit` says whether an operation goes, or that nothing behind it matters.
   * Returns when the next one that was answered "later" may go, of those that were walked over.
   */
  const walk = (nowMs: number, visit: (one: Held) => boolean | "enough"): number | undefined => {
    const stands = nothingStands();
    let nextMs: number | undefined;
    for (const one of held.values()) {
      if (one.isInFlight) continue;
      const { operation, lane } = one;
      if (isBehindFlight(one) || isBehind(stands, operation, lane)) {
        stand(stands, operation, lane);
      } else if (one.notBeforeMs > nowMs) {
        nextMs = least(nextMs, one.notBeforeMs);
        stand(stands, operation, lane);
      } else {
        const goes = visit(one);
        if (goes === "enough") break;
        if (!goes) stand(stands, operation, lane);
      }
    }
    return nextMs;
  };

  /** Returns what is urgent, with everything that it comes after. */
  const urgentOnes = (): Set<number> => {
    const wanted = new Set<number>();
    const before = nothingStands();
    for (const one of [...held.values()].reverse()) {
      const { operation, lane } = one;
      if (one.isInFlight || !(one.isUrgent || before.counters.has(operation.op) || before.lanes.has(lane))) continue;
      wanted.add(operation.op);
      before.lanes.add(lane);
      operation.after?.forEach((counter) => before.counters.add(counter));
    }
    return wanted;
  };

  /** Finds what is held behind a counter and comes after what stands, or after one of those that were found before; all of it stands then. */
  const behind = (counter: number, stands: Stands, found = new Set<Held>()): Set<Held> => {
    for (const one of held.values()) {
      if (found.has(one) || (one.operation.op > counter && isBehind(stands, one.operation, one.lane))) {
        stand(stands, one.operation, one.lane);
        found.add(one);
      }
    }
    return found;
  };

  return {
    count: (): number => held.size,

    get: (counter: number): Operation | undefined => held.get(counter)?.operation,

    /**
     * Takes in an operation. One that is held already stays as it is; one that comes after a refusal that the shell does not
     * know yet is not held, since the shell is about to set it aside.
     *
     * - `refused`: what was refused before it, although the hub may have applied it.
     */
    add(operation: Operation, isUrgent: boolean, isUncertain: boolean, refused: number | undefined, nowMs: number): void {
      const { op } = operation;
      const lane = laneOf(operation);
      const isStanding = (of: Stands): boolean => {
        const is = isBehind(of, operation, lane);
        if (is) stand(of, operation, lane);
        return is;
      };
      if (held.has(op) || (refused === undefined && untold.some(isStanding))) return;
      const bytes = bytesOf(operation);
      const flags = { isUrgent, isInFlight: false, isUncertain: false, attempts: 0, notBeforeMs: 0 };
      const one: Held = { operation, lane, handedMs: nowMs, bytes, refused, ...flags };
      doubt(one, isUncertain);
      if (isUrgent) urgent += 1;
      held.set(op, one);
      // What the shell has held back comes after what is later.
      if (op < highest) held = new Map([...held].sort(([a], [b]) => a - b));
      else highest = op;
    },

    ready(nowMs: number): Ready {
      const ready: Ready = { count: 0, sinceMs: undefined, isUrgent: false, nextMs: undefined };
      ready.nextMs = walk(nowMs, (one) => {
        ready.count += 1;
        ready.sinceMs = least(ready.sinceMs, one.handedMs);
        ready.isUrgent ||= one.isUrgent;
        return ready.count < GATHER_OPERATIONS || ready.isUrgent !== (urgent > 0) || "enough";
      });
      return ready;
    },

    /** Returns whether the hub may have applied an operation that can be sent and was not answered. */
    isSettling(nowMs: number): boolean {
      if (uncertain === 0) return false;
      let isSettling = false;
      for (const one of held.values()) isSettling ||= one.isInFlight && one.isUncertain;
      if (!isSettling) walk(nowMs, (one) => (isSettling = one.isUncertain) ? "enough" : true);
      return isSettling;
    },

    /** Puts what may be sent into flight, in order; `onlyUrgent`: what does not wait, and what that comes after. */
    take(nowMs: number, operations: number, bytes: number, onlyUrgent: boolean): Operation[] {
      const wanted = onlyUrgent ? urgentOnes() : undefined;
      const taken: Held[] = [];
      let size = 0;
      walk(nowMs, (one) => {
        if (taken.length >= operations) return "enough";
        if (wanted?.has(one.operation.op) === false) return false;
        if (taken.length > 0 && size + one.bytes > bytes) return "enough";
        size += one.bytes;
        taken.push(one);
        return true;
      });
      for (const one of taken) fly(one, true);
      return taken.map((one) => one.operation);
    },

    /** An operation was answered for good. */
    settle(counter: number): void {
      const one = held.get(counter);
      if (one) letGo(one);
    },

    /**
     * Operations were answered "later", each with whether it waits; if it does, then twice as long each time. What comes after
     * them was not applied either: where that was asked for because of a refusal it is held no more and returned, as are they.
     */
    postpone(answered: readonly (readonly [counter: number, waits: boolean])[], nowMs: number): SetAside[] {
      const landed = new Set<Held>();
      for (const [counter, waits] of answered) {
        const one = held.get(counter);
        if (!one) continue;
        fly(one, false);
        // What is said in full the second time cannot be too short again.
        one.notBeforeMs = waits || one.attempts > 1 ? nowMs + Math.min(RETRY_MS_FIRST * 2 ** one.attempts, RETRY_MS_MAX) : 0;
        one.attempts += 1;
        landed.add(one);
      }
      if (landed.size > 0) behind(0, nothingStands(), landed);
      const aside: SetAside[] = [];
      for (const one of landed) {
        if (one.isInFlight) continue;
        doubt(one, false);
        if (one.refused !== undefined) {
          letGo(one);
          aside.push([one.operation, one.refused]);
        }
      }
      return aside;
    },

    /**
     * An operation was refused. Returns which of those that come after it are still asked for: the hub may have applied them.
     * The others are held no more.
     */
    refuse(counter: number): number[] {
      const asked: number[] = [];
      const one = held.get(counter);
      if (!one) return asked;
      letGo(one);
      const stands = { counter, ...nothingStands() };
      stand(stands, one.operation, one.lane);
      for (const after of behind(counter, stands)) {
        if (after.isInFlight || after.isUncertain) {
          after.refused = counter;
          asked.push(after.operation.op);
        } else {
          letGo(after);
        }
      }
      untold.push(stands);
      return asked;
    },

    /** The shell is told that an operation was refused. */
    tellRefused(counter: number): void {
      untold = untold.filter((one) => one.counter !== counter);
    },

    /** The connection is lost: what was in flight may have been applied, and is sent again. */
    lose(): void {
      for (const one of held.values()) {
        if (!one.isInFlight) continue;
        fly(one, false);
        doubt(one, true);
      }
    },
  };
}
