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
}

/** Returns whether a value is an object with members. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}
