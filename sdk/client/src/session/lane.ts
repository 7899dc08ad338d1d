/** What comes after what: operations of one record are a lane, and an operation may name others that it comes after. */

import type { Operation } from "../protocol/operation.js";

/** What must not be overtaken: lanes, and counters of operations. */
export interface Stands {
  readonly lanes: Set<string>;
  readonly counters: Set<number>;
}

/** Returns the name of an operation's lane: names of entities have no such character. */
export const laneOf = ({ entity, id }: Operation): string => `${entity}\0${id}`;

export const nothingStands = (): Stands => ({ lanes: new Set(), counters: new Set() });

/** Has an operation stand, and with it what comes after it. */
export function stand(stands: Stands, operation: Operation, lane = laneOf(operation)): void {
  stands.lanes.add(lane);
  stands.counters.add(operation.op);
}

/** Returns whether an operation comes after one that stands. */
export const isBehind = (stands: Stands, operation: Operation, lane = laneOf(operation)): boolean =>
  stands.lanes.has(lane) || operation.after?.some((counter) => stands.counters.has(counter)) === true;

/**
 * Returns what comes after an operation, by its lane or by name, and what comes after that.
 *
 * - `later`: operations with higher counters, rising.
 */
export function dependants(first: Operation, later: Iterable<Operation>): Operation[] {
  const stands = nothingStands();
  stand(stands, first);
  const found: Operation[] = [];
  for (const operation of later) {
    if (isBehind(stands, operation)) {
      stand(stands, operation);
      found.push(operation);
    }
  }
  return found;
}
