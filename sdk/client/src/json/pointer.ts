/** Where a field is in a record: JSON pointers (RFC 6901), and records with other fields. */

import { SynclineError } from "../error.js";
import { define, isObject, type Json, type JsonObject } from "./value.js";

/** Most keys of a path: as many levels as a JSON text may have. */
const KEYS_MAX = 64;
/** Paths that were read lately: a record's are few, and are asked for again and again. */
const known = new Map<string, readonly string[]>();
const KNOWN_MAX = 1_000;
/** Longest path, in bytes of UTF-8 with its escapes. */
const BYTES_MAX = 4_096;

/**
 * Returns the keys that lead to a field, from the outermost.
 *
 * @throws SynclineError `PATH_…`.
 */
export function keysOf(pointer: string): readonly string[] {
  let keys = known.get(pointer);
  if (keys) return keys;
  keys = readKeys(pointer);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(pointer, keys);
  return keys;
}

function readKeys(pointer: string): readonly string[] {
  const keys = pointer.split("/").slice(1);
  const code = !pointer
    ? "PATH_ROOT"
    : pointer[0] !== "/"
      ? "PATH_NO_LEADING_SLASH"
      : /~(?![01])/.test(pointer)
        ? "PATH_INVALID_ESCAPE"
        : keys.length > KEYS_MAX
          ? "PATH_TOO_MANY_SEGMENTS"
          : pointer.length * 3 > BYTES_MAX && new TextEncoder().encode(pointer).length > BYTES_MAX
            ? "PATH_TOO_LONG"
            : undefined;
  if (code) throw new SynclineError(code, "not the path of a field");
  return pointer.includes("~") ? keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")) : keys;
}

/** Returns the path of the field to which these keys lead. */
export function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => "/" + key.replaceAll("~", "~0").replaceAll("/", "~1")).join("");
}

/** Returns what stands where these keys lead, if anything does. Arrays are not descended into. */
export function valueAt(value: Json | undefined, keys: readonly string[]): Json | undefined {
  for (const key of keys) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/**
 * A record that other fields are written into. What it was made of stays as it is, and is part of what comes out where
 * nothing was written.
 */
export class Draft {
  /** The record as it is now. */
  value: JsonObject;
  /** Objects that were made here, and nobody else has seen. */
  readonly #own = new Set<Json>();

  constructor(value: JsonObject) {
    this.value = value;
  }

  /** Returns the value of a field; an object that has members is none. */
  get(keys: readonly string[]): Json | undefined {
    const value = valueAt(this.value, keys);
    return isObject(value) && hasMembers(value) ? undefined : value;
  }

  /** Gives a field a value, and none to those above and below it; an object that has members is its fields. */
  set(keys: readonly string[], value: Json): void {
    if (isObject(value) && hasMembers(value)) {
      for (const [key, member] of Object.entries(value)) this.set([...keys, key], member);
    } else {
      define(this.#open(keys.slice(0, -1)), keys.at(-1) ?? "", value);
    }
  }

  /** Takes a field away with all below it, and objects that would be left empty. */
  remove(keys: readonly string[]): void {
    if (valueAt(this.value, keys) === undefined) return;
    let last = keys.length - 1;
    while (last > 0 && Object.keys(valueAt(this.value, keys.slice(0, last)) ?? {}).length === 1) last--;
    delete this.#open(keys.slice(0, last))[keys[last] ?? ""];
  }

  /** Returns the object to which these keys lead, made where there is none, to be changed. */
  #open(keys: readonly string[]): Record<string, Json> {
    let object = this.#owned(this.value);
    this.value = object;
    for (const key of keys) {
      const inner = this.#owned(valueAt(object, [key]));
      define(object, key, inner);
      object = inner;
    }
    return object;
  }

  #owned(value: Json | undefined): Record<string, Json> {
    if (isObject(value) && this.#own.has(value)) return value;
    const copy = isObject(value) ? { ...value } : {};
    this.#own.add(copy);
    return copy;
  }
}

function hasMembers(object: JsonObject): boolean {
  for (const _ in object) return true;
  return false;
}
