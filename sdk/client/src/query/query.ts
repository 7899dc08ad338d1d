/** Which records an app asks for, and in which order. */

import type { Condition, Query, Shown } from "../api.js";
import { SynclineError } from "../error.js";
import { canonical } from "../json/canonical.js";
import { compareBytes } from "../json/order.js";
import { keysOf, valueAt } from "../json/pointer.js";
import { Decimal, isObject, type Json } from "../json/value.js";

/** A query that was read once. */
export interface Plan {
  readonly query: Query;
  accepts(record: Shown): boolean;
  /** A strict total order. */
  compare(a: Shown, b: Shown): number;
}

const BOUNDS: Readonly<Record<string, (order: number) => boolean>> = {
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
};

/** Reads a query. */
export function planOf(query: Query): Plan {
  const { id, where = {}, sort = [] } = query;
  const tests = typeof where === "function" ? [(record: Shown) => where(record.value)] : Object.entries(where).map(testOf);
  if (id !== undefined) tests.push((record) => record.id === id);
  const orders = sort.map((path) => {
    const isFalling = path.startsWith("-");
    return { keys: keysOf(isFalling ? path.slice(1) : path), sign: isFalling ? -1 : 1 };
  });
  return {
    query,
    accepts: (record) => tests.every((test) => test(record)),
    compare(a, b) {
      for (const { keys, sign } of orders) {
        const order = compareValues(valueAt(a.value, keys), valueAt(b.value, keys));
        if (order) return order * sign;
      }
      return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
    },
  };
}

function testOf([path, condition]: [string, Condition]): (record: Shown) => boolean {
  const keys = keysOf(path);
  const tests = isObject(condition as Json)
    ? Object.entries(condition as Record<string, Json>).map(([word, value]) => partOf(word, value))
    : [partOf("eq", condition as Json)];
  return ({ value }) => {
    const held = valueAt(value, keys);
    return tests.every((test) => test(held));
  };
}

/** Reads one part of a condition. What has no value is equal to nothing, neither less nor greater. */
function partOf(word: string, value: Json): (held: Json | undefined) => boolean {
  // Of values that are no objects the platform tells whether they are the same.
  const is = (held: Json | undefined, value: Json) =>
    held === value || (typeof held === "object" && typeof value === "object" && compareValues(held, value) === 0);
  if (word === "eq") return (held) => is(held, value);
  if (word === "ne") return (held) => !is(held, value);
  if (word === "in") return (held) => (value as readonly Json[]).some((one) => is(held, one));
  if (word === "has") return (held) => Array.isArray(held) && held.some((one: Json) => is(one, value));
  const bound = BOUNDS[word];
  if (!bound) throw new SynclineError("QUERY_INVALID", `a condition has no part \`${word}\``);
  return (held) => rank(held) === rank(value) && bound(compareValues(held, value));
}

/** The least first: what has no value, then null, false, true, numbers by size, texts by their characters, then the rest. */
function rank(value: Json | undefined): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  if (typeof value === "boolean") return value ? 3 : 2;
  if (typeof value === "number" || value instanceof Decimal) return 4;
  return typeof value === "string" ? 5 : 6;
}

function compareValues(a: Json | undefined, b: Json | undefined): number {
  if (typeof a === "string" && typeof b === "string") return a === b ? 0 : compareBytes(a, b);
  const kind = rank(a);
  const order = kind - rank(b);
  if (order || kind < 4) return order;
  if (kind === 4 && Number(a) !== Number(b)) return Number(a) - Number(b);
  // Numbers that the platform's numbers do not tell apart stand in some order, as long as it is one.
  const [one, other] = [canonical(a as Json), canonical(b as Json)];
  return one === other ? 0 : compareBytes(one, other);
}

/** So many more than are wanted are gathered at least before those that are not are let go. */
const SORTED_MIN = 64;

/** Returns the first records of a query, in its order. */
export function select(plan: Plan, records: Iterable<Shown | undefined>): Shown[] {
  const { limit = Infinity, offset = 0 } = plan.query;
  const most = offset + limit;
  let found: Shown[] = [];
  let last: Shown | undefined;
  for (const record of records) {
    // What stands behind the last one that is wanted is not looked at again.
    if (!record || (last && plan.compare(record, last) > 0) || !plan.accepts(record)) continue;
    found.push(record);
    if (found.length < most * 2 + SORTED_MIN) continue;
    found = found.sort(plan.compare).slice(0, most);
    last = found[most - 1];
  }
  return windowOf(plan, found.sort(plan.compare));
}

/** Returns those of all records, in order, that a query asks for. */
export function windowOf({ query: { limit = Infinity, offset = 0 } }: Plan, records: readonly Shown[]): Shown[] {
  return records.slice(offset, offset + limit);
}
