/** What records add up to (`docs/protocol.md` §10): who holds the same says the same, whatever came in which order. */

import { canonical } from "../json/canonical.js";
import type { JsonObject } from "../json/value.js";
import { digestOf } from "./digest.js";

/**
 * Returns what a record counts as: a number of 128 bits, to be added to others.
 *
 * - `details`: those of the record's token, where what is held is told (§11).
 */
export function recordSum(entity: string, id: string, record: JsonObject, details?: string): bigint {
  const text = canonical(details ? [entity, id, record, details] : [entity, id, record]);
  return BigInt(`0x${digestOf(text, 4)}`);
}

/** Returns a sum as it is told: 32 hexadecimal digits of what is left of it modulo 2^128. */
export function sumText(sum: bigint): string {
  return BigInt.asUintN(128, sum).toString(16).padStart(32, "0");
}
