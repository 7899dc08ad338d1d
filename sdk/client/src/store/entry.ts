/** What is kept of one record: what the hub has confirmed, the operations that wait, the texts that these were made for. */

import type { Refusal, Shown } from "../api.js";
import { isObject, type Json, type JsonObject } from "../json/value.js";
import { parse } from "../json/parse.js";
import { write } from "../json/write.js";
import type { OpenConflict } from "../protocol/message.js";
import type { ByPath, Operation } from "../protocol/operation.js";

/** An operation that waits or was set aside. */
export interface Queued {
  readonly operation: Operation;
  readonly isUrgent: boolean;
  /** Why it was set aside. */
  readonly refusal?: Refusal;
  /** The texts that its edits were made for, by path, once they are not to be found any more otherwise. */
  readonly texts?: ByPath<string>;
  /** The counter of a refused one that it came after: the hub may have applied this one, and is asked. */
  readonly asked?: number;
  /** Whether a former life of the hub has applied it: what was confirmed then holds it already. */
  readonly isResent?: true;
}

/** The text that waiting edits of a field were made for, and the token that came with it. */
export interface Anchor {
  readonly path: string;
  readonly token: string | undefined;
  readonly value: Json | undefined;
}

/** A record of the device. */
export interface Entry {
  readonly entity: string;
  readonly id: string;
  /** The stored row, until somebody asks what is in it. */
  row: string | undefined;
  /** Whether the hub has said anything of it. */
  isConfirmed: boolean;
  /** Its confirmed fields; `undefined` where it is not there. */
  fields: JsonObject | undefined;
  token: string | undefined;
  /** As of where in the log; 0 of another life of the hub. */
  position: number;
  conflicts: readonly OpenConflict[];
  /** The snapshot that has shown it last. */
  snapshot: number;
  /** Which views show it, and the snapshots in which they did, where there are several. */
  views: readonly (readonly [view: number, snapshot: number])[];
  anchors: readonly Anchor[];
  /** Operations by counter, in order; none is `undefined`. */
  lane: Map<number, Queued> | undefined;
  /** What is shown: `null` for nothing, `undefined` until somebody asks. */
  shown: Shown | null | undefined;
}

const NONE: readonly never[] = [];

/** What the row of a record with conflicts begins with, so that these are found without reading all rows. */
export const CONTESTED = "!";

export function newEntry(entity: string, id: string, row?: string): Entry {
  return {
    entity,
    id,
    row,
    isConfirmed: false,
    fields: undefined,
    token: undefined,
    position: 0,
    conflicts: NONE,
    snapshot: 0,
    views: NONE,
    anchors: NONE,
    lane: undefined,
    shown: undefined,
  };
}

/** Forgets what the hub has said of a record, but for a row that says it; operations on it stay. */
export function forget(entry: Entry, row?: string): void {
  const { entity, id, anchors, lane } = entry;
  Object.assign(entry, newEntry(entity, id, row), { anchors, lane });
}

/** Returns whether nothing is kept of a record any more. */
export function isEmpty(entry: Entry): boolean {
  return entry.row === undefined && !entry.isConfirmed && entry.lane === undefined;
}

/** Names a record in the tables. No name has a NUL. */
export function keyOf(entity: string, id: string): string {
  return `${entity}\0${id}`;
}

export function namesOf(key: string): [entity: string, id: string] {
  const at = key.indexOf("\0");
  return [key.slice(0, at), key.slice(at + 1)];
}

/** Writes what the hub has confirmed as a row. */
export function recordRow(entry: Entry): string {
  if (entry.row !== undefined) return entry.row;
  const { fields, token, position, conflicts, snapshot, views } = entry;
  const row = write([fields ?? null, token ?? 0, position, conflicts as unknown as Json, snapshot, views]);
  return conflicts.length ? CONTESTED + row : row;
}

/** Reads the row of a record, if that was not done yet. What cannot be read is as good as nothing: the hub tells it again. */
export function hydrate(entry: Entry): Entry {
  const { row } = entry;
  if (row === undefined) return entry;
  entry.row = undefined;
  try {
    const [fields, token, position, conflicts, snapshot, views] = parse(row.startsWith(CONTESTED) ? row.slice(1) : row) as [Json, string | 0, number, OpenConflict[], number, Entry["views"]];
    entry.fields = isObject(fields) ? fields : undefined;
    entry.token = token || undefined;
    entry.position = position;
    entry.conflicts = conflicts.length ? conflicts : NONE;
    entry.snapshot = snapshot;
    entry.views = views.length ? views : NONE;
    entry.isConfirmed = true;
  } catch {
    entry.isConfirmed = false;
  }
  return entry;
}

export function queuedRow(queued: Queued): string {
  return write(queued as unknown as Json);
}

/** Returns the operations of a record that wait, in order, with those that were applied by a former life of the hub if that is not what is confirmed. */
export function* waiting(entry: Entry): Generator<Queued> {
  const isOfPast = entry.isConfirmed && entry.position === 0;
  for (const queued of entry.lane?.values() ?? NONE) {
    if (!queued.refusal && !(queued.isResent && isOfPast)) yield queued;
  }
}

/** Returns whether a record has conflicts that wait for a person. */
export function isContested({ row, conflicts }: Entry): boolean {
  return row?.startsWith(CONTESTED) ?? conflicts.length > 0;
}
