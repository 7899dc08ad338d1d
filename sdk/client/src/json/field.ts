/** Fields of a record by their paths. */

import { Draft, keysOf, pointerOf, valueAt } from "./pointer.js";
import { isObject, type Json, type JsonObject } from "./value.js";

/** Returns what stands at a path, if anything does. */
export function fieldAt(record: JsonObject | undefined, path: string): Json | undefined {
  return valueAt(record, keysOf(path));
}

/** Returns a record in which a field has another value, or none. */
export function withField(record: JsonObject, path: string, value: Json | undefined): JsonObject {
  const draft = new Draft(record);
  if (value === undefined) draft.remove(keysOf(path));
  else draft.set(keysOf(path), value);
  return draft.value;
}

/** Returns the fields of a value that stands at a path, each with its own path. */
export function leavesOf(value: Json, path: string): (readonly [path: string, value: Json])[] {
  if (!isObject(value) || !Object.keys(value).length) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path + pointerOf([key])));
}
