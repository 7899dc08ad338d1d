/** Comparing what is confirmed with what the hub shows, and saying what is held (`docs/protocol.md` §10, §11). */

import { recordSum, sumText } from "../protocol/checksum.js";
import { comparePlaces, cut } from "../protocol/holdings.js";
import type { Stretch } from "../protocol/message.js";
import { detailsOf } from "../protocol/token.js";
import { hydrate, type Entry } from "./entry.js";
import type { Sum } from "./side.js";
import type { State } from "./state.js";
import { readCursor, viewStates, type Said } from "./views.js";

/** How many records are added up before others have a turn: some milliseconds. */
const RECORDS_AT_ONCE = 200;

/** Returns whether the records are those that the hub shows as of a cursor; `undefined` if nothing can be said, because more is known of one. */
export async function compare(state: State, view: number, entities: readonly string[], cursor: string, sum: string): Promise<boolean | undefined> {
  const at = readCursor(cursor);
  const stored = viewStates(state)[view]?.cursor;
  if (stored === undefined || at.incarnation !== state.meta.get("incarnation")) return undefined;
  const stands = readCursor(stored);
  if (stands.isWithinSnapshot || stands.position > at.position) return undefined;
  const held = await added(state, entities, at.position);
  return held === undefined ? undefined : held === sum;
}

/** Returns what the records of a view add up to, and as of which cursor; `undefined` if nothing can be said. */
export async function sumOf(state: State, view: number, entities: readonly string[]): Promise<Sum | undefined> {
  const cursor = viewStates(state)[view]?.cursor;
  const stands = cursor === undefined ? undefined : readCursor(cursor);
  if (cursor === undefined || stands?.isWithinSnapshot !== false || stands.incarnation !== state.meta.get("incarnation")) return undefined;
  const sum = await added(state, entities, stands.position);
  return sum === undefined ? undefined : { cursor, sum };
}

/** Adds the records up; `undefined` if one of them is newer than a position, or something came in meanwhile. */
async function added(state: State, entities: readonly string[], position: number): Promise<string | undefined> {
  const records = there(state).filter(({ entity }) => !entities.length || entities.includes(entity));
  let held = 0n;
  const changes = state.changes;
  for (const [number, { entity, id, fields = {} }] of records.entries()) {
    if (number % RECORDS_AT_ONCE === RECORDS_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    held += recordSum(entity, id, fields);
  }
  for (const entry of state.entries()) if (hydrate(entry).isConfirmed && entry.position > position) return undefined;
  return changes === state.changes ? sumText(held) : undefined;
}

/** Says what is held, for the snapshot of a view that is about to begin. */
export function holdings(state: State): { said: Said; stretches: readonly Stretch[] } {
  const records = there(state).sort(comparePlaces);
  const { stretches, recordsEach } = cut(
    records.map(({ entity, id, fields = {}, token }) => ({ entity, id, sum: recordSum(entity, id, fields, token && detailsOf(token)) })),
  );
  return { said: { records: records.map((entry) => [entry, entry.position]), recordsEach }, stretches };
}

/** Returns the confirmed records that are there. */
function there(state: State): Entry[] {
  return [...state.entries()].filter((entry) => hydrate(entry).isConfirmed && entry.fields);
}
