/** Room in a full place, made of what the hub sends again. */

import type { Batch, Table } from "./storage.js";

/** What the hub has: confirmed records. What waits, what is kept for a restored hub, and texts that edits were made for are not. */
const FETCHED: readonly Table[] = ["records"];

/**
 * Returns the part of a batch that drops the confirmed records and the rows of `meta` that say how far they reach; every operation
 * stays. What room is made for can stand in the same batch: then either both happen or neither.
 */
export function dropFetched(cursors: readonly string[]): Required<Pick<Batch, "clear" | "remove">> {
  return { clear: FETCHED, remove: cursors.map((key) => ["meta", key] as const) };
}
