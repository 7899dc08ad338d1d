/** What a record is made of. */

/** A JSON value. Objects and arrays are never changed in place: what is new shares what stayed. */
export type Json = null | boolean | number | Decimal | string | readonly Json[] | JsonObject;

/** A JSON object. A member may have any name, `__proto__` included. */
export interface JsonObject {
  readonly [member: string]: Json;
}

/**
 * A number that the platform's numbers cannot hold exactly, as `12345678901234567890` or `0.1000000000000000055`.
 *
 * Whatever a platform's number holds exactly is one: `1.10` is read as `1.1`, which is the same value.
 */
export class Decimal {
  /** The number as JSON spells it. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Returns the nearest number of the platform. */
  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }

  /** What `JSON.stringify` makes of it is the nearest number; `write` of this client writes all digits. */
  toJSON(): number {
    isWritten = true;
    return this.valueOf();
  }
}

let isWritten = false;

/** Returns whether `JSON.stringify` has come across a `Decimal` since this was last asked. */
export function wasDecimalWritten(): boolean {
  const was = isWritten;
  isWritten = false;
  return was;
}

/** Returns whether a value is an object with members. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}

/** Most arrays and objects inside one another in a value. */
export const LEVELS_MAX = 64;

/** Returns whether arrays and objects are not nested too deeply for a JSON text. */
export function isWithinLevels(value: Json, levels = LEVELS_MAX): boolean {
  if (typeof value !== "object" || value === null || value instanceof Decimal) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithinLevels(inner, levels - 1));
}

/** Gives an object that is being made a member, whatever its name: an assignment to `__proto__` would make none. */
export function define<T>(object: Record<string, T>, name: string, value: T): void {
  if (name === "__proto__") Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}
