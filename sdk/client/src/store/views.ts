/** What is followed: how far each view has come, which records a snapshot has shown, which no view shows any more. */

import { canonical } from "../json/canonical.js";
import { parse } from "../json/parse.js";
import type { Json } from "../json/value.js";
import { write } from "../json/write.js";
import { placeOf, type Place } from "../protocol/cursor.js";
import { SynclineError } from "../error.js";
import type { Follow, Page, Same } from "../protocol/message.js";
import { CONTESTED, forget, hydrate, type Entry } from "./entry.js";
import type { State, Work } from "./state.js";

/** Most deleted records that are remembered: one that was forgotten is begun anew by a write that says it has seen nothing. */
const DELETED_RECORDS_MAX = 10_000;

/** Returns where a cursor of the hub stands. */
export function readCursor(cursor: string): Place {
  const place = placeOf(cursor);
  if (!place) throw new SynclineError("CURSOR_DAMAGED", "the hub told a cursor that cannot be read");
  return place;
}

/** How far a view has come. */
export interface ViewState {
  /** What it follows, described: where that is another text it begins anew. */
  readonly what: string;
  readonly cursor?: string;
  /** While a snapshot is under way: its number and where it began. */
  readonly snapshot?: number;
  readonly began?: number;
}

/** What was said to be held of a view: records and as of where each was known, and which of them each stretch has. */
export interface Said {
  readonly records: readonly (readonly [entry: Entry, position: number])[];
  /** How many records each stretch has, but for the last. */
  readonly recordsEach: number;
}

/** The last row that was read and what it says: every change of a page asks. */
let lastRead: readonly [row: string, views: readonly ViewState[]] = ["", []];

export function viewStates(state: State): readonly ViewState[] {
  const row = state.meta.get("views") ?? "";
  if (row !== lastRead[0]) lastRead = [row, row ? (parse(row) as unknown as ViewState[]) : []];
  return lastRead[1];
}

function putViewStates(work: Work, views: readonly ViewState[]): void {
  work.setMeta("views", write(views as unknown as Json));
}

/** Takes note of what is followed. Where that is something else than before all begins anew. */
export function follow(work: Work, follows: readonly Follow[]): void {
  const wanted = follows.map((one) => canonical([one.view ?? 0, one.params ?? {}, [...(one.entities ?? [])].sort()]));
  const known = viewStates(work.state);
  if (known.length === wanted.length && known.every(({ what }, at) => what === wanted[at])) return;
  work.setMeta("unswept", undefined);
  for (const entry of work.state.entries()) {
    if (hydrate(entry).views.length) work.record(entry, () => (entry.views = []));
  }
  putViewStates(work, wanted.map((what) => ({ what })));
}

/** Has all views begin anew with the next connection. */
export function forgetCursors(work: Work): void {
  putViewStates(work, viewStates(work.state).map(({ what }) => ({ what })));
}

/** Takes note of whose positions are told from now on: those of another incarnation are older than all of this one. */
export function noteIncarnation(work: Work, incarnation: string): void {
  const { state } = work;
  if (state.meta.get("incarnation") === incarnation) return;
  for (const entry of state.entries()) {
    if (hydrate(entry).position) work.record(entry, () => (entry.position = 0));
  }
  work.setMeta("unswept", undefined);
  work.setMeta("incarnation", incarnation);
}

/** Returns the number of the snapshot that a page is part of, a new one where it begins. */
export function snapshotOf(work: Work, view: number, page: Page, begins: boolean): number | undefined {
  if (!page.snapshot) return undefined;
  const { position } = readCursor(page.cursor);
  const known = viewStates(work.state)[view];
  if (known?.snapshot !== undefined && known.began === position && !begins) return known.snapshot;
  const next = work.state.number("snapshots") + 1;
  work.setMeta("snapshots", String(next));
  return next;
}

/** Takes note of whether one view of several shows a record; answers whether another one does. */
export function noteMember(work: Work, view: number, entry: Entry, isShown: boolean, snapshot: number | undefined): boolean {
  if (viewStates(work.state).length < 2) return false;
  const others = entry.views.filter(([known]) => known !== view);
  const known = entry.views.find(([known]) => known === view);
  const number = snapshot ?? known?.[1] ?? 0;
  if (isShown ? known?.[1] !== number : known) {
    work.record(entry, () => (entry.views = isShown ? [...others, [view, number]] : others));
  }
  return others.length > 0;
}

/** Keeps how far a view has come, and ends a snapshot that is through. */
export function putCursor(work: Work, view: number, page: Page, snapshot: number | undefined): void {
  const views = [...viewStates(work.state)];
  const { isWithinSnapshot, position } = readCursor(page.cursor);
  const isThrough = snapshot !== undefined && !isWithinSnapshot;
  if (isThrough) dropUnshown(work, views.length, view, snapshot, position);
  const { what = "" } = views[view] ?? {};
  const isUnderWay = snapshot !== undefined && isWithinSnapshot;
  views[view] = { what, cursor: page.cursor, ...(isUnderWay && { snapshot, began: position }) };
  putViewStates(work, views);
  sweep(work, views, isThrough);
  if (isThrough) forgetDeleted(work);
}

/** Drops the records that a snapshot has not shown of the only view; of several it is noted that what none shows is to be dropped. */
function dropUnshown(work: Work, count: number, view: number, snapshot: number, began: number): void {
  const { state } = work;
  for (const entry of [...state.entries()]) {
    hydrate(entry);
    if (count < 2) {
      // What is newer than the snapshot comes by the log.
      if (entry.isConfirmed && entry.snapshot !== snapshot && entry.position <= began) work.record(entry, forget);
    } else if (entry.views.some(([known, at]) => known === view && at !== snapshot)) {
      work.record(entry, () => (entry.views = entry.views.filter(([known]) => known !== view)));
    }
  }
  if (count > 1) work.setMeta("unswept", String(Math.max(began, state.number("unswept"))));
}

/**
 * Drops the records that no view shows, as far as every view has come: of what is newer one may still have to tell what only a
 * result has told. What is left goes once each has come to where the last snapshot began.
 */
function sweep(work: Work, views: readonly ViewState[], isThrough: boolean): void {
  const { state } = work;
  if (!state.meta.has("unswept")) return;
  const due = state.number("unswept");
  let reached = due;
  for (const { cursor } of views) {
    // Until each has been through once nobody knows what they show together.
    if (cursor === undefined) return;
    const at = readCursor(cursor);
    if (at.isWithinSnapshot || at.incarnation !== state.meta.get("incarnation")) return;
    reached = Math.min(reached, at.position);
  }
  if (reached < due && !isThrough) return;
  if (reached === due) work.setMeta("unswept", undefined);
  for (const entry of [...state.entries()]) {
    hydrate(entry);
    if (entry.isConfirmed && !entry.views.length && entry.position <= reached) work.record(entry, forget);
  }
}

/** Returns whether the hub has said that a record is not there, without reading its row. */
function isDeleted({ row, isConfirmed, fields }: Entry): boolean {
  return row === undefined ? isConfirmed && !fields : row.startsWith("[null,") || row.startsWith(`${CONTESTED}[null,`);
}

/** Forgets the oldest deleted records, where there are too many. */
export function forgetDeleted(work: Work): void {
  const deleted = [...work.state.entries()].filter((entry) => isDeleted(entry) && !entry.lane);
  if (deleted.length <= DELETED_RECORDS_MAX) return;
  deleted.forEach(hydrate);
  deleted.sort((a, b) => a.position - b.position);
  for (const entry of deleted.slice(0, deleted.length - DELETED_RECORDS_MAX)) work.record(entry, forget);
}

/**
 * Takes in that the hub holds stretches alike: their records count as shown by the snapshot, as of where the hub stood, and none
 * has a conflict that waits. Of one of which a result has told more since only the first is so. Answers whether it fits.
 */
export function takeSame(work: Work, said: Said | undefined, same: Same, snapshot: number): boolean {
  if (!said) return false;
  const { records, recordsEach } = said;
  for (const [first, count] of same.stretches) {
    if ((first + count - 1) * recordsEach >= records.length) return false;
    for (const [{ entity, id }, position] of records.slice(first * recordsEach, (first + count) * recordsEach)) {
      const entry = work.state.find(entity, id);
      // It was forgotten since.
      if (!entry || !hydrate(entry).isConfirmed) continue;
      work.record(entry, () => {
        entry.snapshot = snapshot;
        if (entry.position !== position) return;
        entry.conflicts = [];
        entry.position = Math.max(position, same.position);
      });
    }
  }
  return true;
}
