/** What an operation does to a record as far as a client can tell (`docs/protocol.md` §7). */

import { canonical } from "../json/canonical.js";
import { add } from "../json/number.js";
import { Draft, keysOf } from "../json/pointer.js";
import { Decimal, type Json, type JsonObject } from "../json/value.js";
import { putMembers, dropMembers } from "./keyed.js";
import type { ByPath, Effect, Writes } from "./operation.js";
import { applyEdit } from "./text.js";

type Keys = readonly string[];

/** Returns the record after an operation, `undefined` where it is not there. The record is left as it is. */
export function predict(record: JsonObject | undefined, effect: Effect): JsonObject | undefined {
  return effect.delete ? undefined : written(record ?? {}, effect);
}

/** Returns an object, a record or a member of a keyed array, after it was written into. What does not fit changes nothing. */
export function written(object: JsonObject, writes: Writes): JsonObject {
  const draft = new Draft(object);
  writeInto(draft, writes);
  return draft.value;
}

/** Writes into an object that is being made. */
export function writeInto(draft: Draft, writes: Writes): void {
  eachField(writes.set, (keys, value) => draft.set(keys, value));
  for (const path of writes.unset ?? []) draft.remove(keysOf(path));
  eachField(writes.inc, (keys, by) => setNumber(draft, keys, (held) => add(held, by)));
  for (const path of writes.reset ?? []) setNumber(draft, keysOf(path), () => 0);
  eachField(writes.add, (keys, elements) => setArray(draft, keys, (held) => union(held, elements)));
  eachField(writes.remove, (keys, elements) => setArray(draft, keys, (held) => without(held, elements)));
  eachField(writes.append, (keys, elements) => setArray(draft, keys, (held) => (elements.length ? [...held, ...elements] : undefined)));
  eachField(writes.begin, (keys, text) => draft.set(keys, text));
  eachField(writes.text, (keys, edit) => {
    const held = draft.get(keys);
    const text = typeof held === "string" ? applyEdit(held, edit) : undefined;
    if (text !== undefined) draft.set(keys, text);
  });
  eachField(writes.put, (keys, members) => setArray(draft, keys, (held) => putMembers(held, members)));
  eachField(writes.drop, (keys, members) => setArray(draft, keys, (held) => dropMembers(held, members)));
}

/** Carries out one part of an operation, what is above before what is below. */
export function eachField<T>(part: ByPath<T> | undefined, carryOut: (keys: Keys, value: T) => void): void {
  if (!part) return;
  for (const [path, value] of Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) carryOut(keysOf(path), value);
}

/** Gives a field a number, made of the one that it has or of 0; not where it has another value. */
function setNumber(draft: Draft, keys: Keys, change: (held: number | Decimal) => number | Decimal | undefined): void {
  const held = draft.get(keys) === undefined ? 0 : draft.get(keys);
  const number = typeof held === "number" || held instanceof Decimal ? change(held) : undefined;
  if (number !== undefined) draft.set(keys, number);
}

/** Gives a field an array, made of the one that it has or of none; not where it has another value, or if there is no need. */
function setArray(draft: Draft, keys: Keys, change: (held: readonly Json[]) => readonly Json[] | undefined): void {
  const held = draft.get(keys) === undefined ? [] : draft.get(keys);
  const array = Array.isArray(held) ? change(held) : undefined;
  if (array) draft.set(keys, array);
}

function union(held: readonly Json[], elements: readonly Json[]): readonly Json[] | undefined {
  const known = new Set(held.map(canonical));
  const size = known.size;
  const more = elements.filter((element) => known.size < known.add(canonical(element)).size);
  return known.size > size ? [...held, ...more] : undefined;
}

function without(held: readonly Json[], elements: readonly Json[]): readonly Json[] | undefined {
  const gone = new Set(elements.map(canonical));
  const left = held.filter((element) => !gone.has(canonical(element)));
  return left.length < held.length ? left : undefined;
}
