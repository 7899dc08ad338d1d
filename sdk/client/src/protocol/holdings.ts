/** What a client holds of a view, cut into stretches so that only what differs is told anew (`docs/protocol.md` §11). */

import { compareBytes } from "../json/order.js";
import { sumText } from "./checksum.js";
import { STRETCHES_MAX, STRETCH_NAMES_BYTES_MAX, STRETCH_RECORDS_MIN } from "./limits.js";
import type { Stretch } from "./message.js";

/** A record that is held. */
export interface Held {
  readonly entity: string;
  readonly id: string;
  /** What it counts as, with the details of its token. */
  readonly sum: bigint;
}

/** Compares names of records as the hub orders them. */
export function comparePlaces(a: Omit<Held, "sum">, b: Omit<Held, "sum">): number {
  return compareBytes(a.entity, b.entity) || compareBytes(a.id, b.id);
}

/** Cuts records, which are in the order of their names, into stretches of so many of them each. */
export function cut(records: readonly Held[]): { readonly stretches: readonly Stretch[]; readonly recordsEach: number } {
  const encoder = new TextEncoder();
  let recordsEach = Math.max(Math.ceil(records.length / STRETCHES_MAX), STRETCH_RECORDS_MIN);
  const lasts = (): readonly Held[] =>
    records.filter((_, index) => index % recordsEach === recordsEach - 1 || index === records.length - 1);
  while (lasts().reduce((bytes, { entity, id }) => bytes + encoder.encode(entity + id).length, 0) > STRETCH_NAMES_BYTES_MAX) {
    recordsEach *= 2;
  }
  const stretches = lasts().map(({ entity, id }, index): Stretch => {
    const of = records.slice(index * recordsEach, (index + 1) * recordsEach);
    return [entity, id, sumText(of.reduce((sum, one) => sum + one.sum, 0n))];
  });
  return { stretches, recordsEach };
}
