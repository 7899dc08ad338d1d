/** One text for all values that are equal: RFC 8785, with every digit of numbers. */

import { canonicalNumber } from "./number.js";
import { Decimal, isObject, type Json } from "./value.js";

/** Returns the canonical text: no white space, members sorted by the UTF-16 code units of their names, numbers in one form. */
export function canonical(value: Json): string {
  if (typeof value === "number" || value instanceof Decimal) return canonicalNumber(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name] as Json)}`);
  return `{${members.join()}}`;
}

/** Returns whether two values are equal: `1` and `1.0` are, and objects whatever the order of their members. */
export function equals(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return a === b;
  return (typeof a === "object" || typeof b === "object") && canonical(a) === canonical(b);
}
