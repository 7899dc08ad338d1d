/** What comes from the hub: results of operations, and changes of records. */

import type { Fate, Refusal } from "../api.js";
import { equals } from "../json/canonical.js";
import { fieldAt } from "../json/field.js";
import type { Change, Page, Result } from "../protocol/message.js";
import type { Operation } from "../protocol/operation.js";
import { applyChange, correct, UNFIT } from "../protocol/correct.js";
import { predict } from "../protocol/predict.js";
import { withDetailsOf } from "../protocol/token.js";
import { forget, hydrate, waiting, type Entry, type Queued } from "./entry.js";
import { dropAnchors } from "./again.js";
import { anchored, textOf, textsEdited } from "./shown.js";
import type { Settled } from "./side.js";
import type { State, Work } from "./state.js";
import { forgetCursors, noteIncarnation, noteMember, putCursor, readCursor, snapshotOf, takeSame, type Said } from "./views.js";
import { rebaseTexts } from "./texts.js";

/** What came of what the hub said: whether something did not fit, so that all is to be read again. */
export interface Incoming {
  isUnfit: boolean;
}

/** Says whether an operation may have been sent: then it stays as it is. */
export type WasHanded = (queued: Queued) => boolean;

/** Takes in what became of operations. */
export function settle(work: Work, settled: readonly Settled[], backedUp: number | undefined, wasHanded: WasHanded): Incoming {
  const { state } = work;
  const incoming: Incoming = { isUnfit: false };
  const touched = new Set<Entry>();
  for (const one of settled) {
    const queued = state.queue.get(one.operation.op);
    if (!queued) continue;
    if ("because" in one) refuse(work, queued, refusedBefore(one.because), [], touched);
    else if (one.result.status === "rejected" || one.result.status === "rebase") refuse(work, queued, refusalOf(one.result), one.asked, touched);
    else if (one.result.status !== "behind") {
      // As it was sent: large texts may have been told otherwise.
      if (backedUp !== undefined && (one.result.position ?? 0) > backedUp) keep(work, queued, one.result.position ?? 0);
      touched.add(confirm(work, queued, one.result, incoming));
    }
  }
  for (const entry of touched) {
    dropAnchors(work, entry);
    rebaseTexts(work, entry, wasHanded);
  }
  if (incoming.isUnfit) forgetCursors(work);
  return incoming;
}

function keep(work: Work, queued: Queued, position: number): void {
  const { op, entity, id } = queued.operation;
  const entry = work.state.entry(entity, id);
  const texts = textsBefore(entry, queued);
  work.keep(op, { queued: { ...queued, ...(texts && { texts }) }, incarnation: work.state.meta.get("incarnation") ?? "", position });
}

/** Returns the texts that the edits of an operation were made for. */
function textsBefore(entry: Entry, { operation, texts }: Queued): Record<string, string> | undefined {
  const paths = textsEdited(operation);
  if (!paths.length) return undefined;
  const found = paths.map((path): [string, string | undefined] => [path, texts?.[path] ?? textBefore(entry, operation.op, path)]);
  return Object.fromEntries(found.filter((text): text is [string, string] => text[1] !== undefined));
}

/** Returns the text of a field before a waiting operation, as its writer saw it. */
function textBefore(entry: Entry, counter: number, path: string): string | undefined {
  let fields = anchored(hydrate(entry).fields, entry.anchors);
  for (const { operation } of waiting(entry)) {
    if (operation.op >= counter) break;
    fields = predict(fields, operation);
  }
  return textOf(fieldAt(fields, path));
}

/** Takes in that an operation was applied; it leaves the queue. */
function confirm(work: Work, queued: Queued, result: Result, incoming: Incoming): Entry {
  const { operation, refusal, isResent } = queued;
  const entry = hydrate(work.state.entry(operation.entity, operation.id));
  if (!refusal && entry.anchors.length) moveAnchors(work, entry, operation);
  const fate: Fate = result.conflicts?.length
    ? { status: "conflict", version: result.version, conflicts: result.conflicts }
    : { status: "applied", version: result.version };
  work.tell(operation.op, operation.entity, operation.id, fate);
  const { position, version } = result;
  if (position === undefined || version === undefined || (entry.isConfirmed && entry.position > position)) {
    work.removeQueued(operation.op);
    return entry;
  }
  const isOfPast = entry.isConfirmed && entry.position === 0;
  // What is held of a former life has a resent operation already: a prediction would do it twice.
  const fields = isResent && isOfPast && result.record === undefined ? UNFIT : correct(predict(entry.fields, operation), result);
  if (fields === UNFIT) incoming.isUnfit = true;
  else {
    work.record(entry, () => {
      if (result.conflicts?.length) entry.conflicts = result.open ?? [];
      Object.assign(entry, { fields, token: version, position, isConfirmed: true });
    });
  }
  work.removeQueued(operation.op);
  return entry;
}

/** Moves the anchors over the first operation that waits, which was answered and goes. */
function moveAnchors(work: Work, entry: Entry, answered: Operation): void {
  const after = predict(anchored(entry.fields, entry.anchors), answered);
  work.setAnchors(
    entry,
    entry.anchors.map((anchor) => ({ ...anchor, value: fieldAt(after, anchor.path) })),
  );
}

/** Sets an operation aside, with all that came after it, but for those that the hub is asked for. */
function refuse(work: Work, first: Queued, refusal: Refusal, asked: readonly number[], touched: Set<Entry>): void {
  const { state } = work;
  if (first.refusal) return;
  const all: [Queued, Refusal][] = [[first, refusal]];
  const known = new Set([first.operation.op, ...asked]);
  const because = new Map([[first.operation.op, first.operation.op]]);
  for (const queued of state.queue.values()) {
    const { op, after = [] } = queued.operation;
    const refused = after.find((counter) => because.has(counter));
    if (refused === undefined || known.has(op) || queued.refusal) continue;
    because.set(op, op);
    known.add(op);
    all.push([queued, refusedBefore(refused)]);
  }
  // From the last on: each text is read from the edits that wait before it.
  for (const [queued, why] of all.reverse()) {
    const { entity, id } = queued.operation;
    const entry = state.entry(entity, id);
    const texts = textsBefore(entry, queued);
    work.putQueued({ ...queued, refusal: why, ...(texts && { texts }) });
    touched.add(entry);
    work.tell(queued.operation.op, entity, id, { status: "refused", refusal: why });
  }
  for (const counter of asked) {
    const queued = state.queue.get(counter);
    if (queued) work.putQueued({ ...queued, asked: first.operation.op });
  }
}

function refusedBefore(counter: number): Refusal {
  return { code: "OPERATION_AFTER_REFUSED", detail: `operation ${counter}, which must come first, was refused` };
}

function refusalOf({ problem, status }: Result): Refusal {
  if (problem) return { code: problem.code, detail: problem.detail };
  return { code: status === "rebase" ? "REBASE" : "OPERATION_REFUSED", detail: "the hub did not say why" };
}

/** Takes in changes of a view and how far it has come. A snapshot that is through drops what it did not show; operations stay. */
export function takePage(work: Work, view: number, page: Page, begins: boolean, said: Said | undefined, wasHanded: WasHanded): Incoming {
  const incoming: Incoming = { isUnfit: false };
  const { incarnation } = readCursor(page.cursor);
  noteIncarnation(work, incarnation);
  const snapshot = snapshotOf(work, view, page, begins);
  if (page.same && snapshot !== undefined && !takeSame(work, said, page.same, snapshot)) incoming.isUnfit = true;
  for (const change of page.changes) {
    const entry = work.state.entry(change.entity, change.id);
    if (!take(work, view, snapshot, entry, change)) incoming.isUnfit = true;
    else if (entry.anchors.length) rebaseTexts(work, entry, wasHanded);
    work.state.drop(entry);
  }
  if (incoming.isUnfit) forgetCursors(work);
  else putCursor(work, view, page, snapshot);
  return incoming;
}

/** Takes in a change; answers whether it fits. */
function take(work: Work, view: number, snapshot: number | undefined, entry: Entry, change: Change): boolean {
  hydrate(entry);
  const isLeft = noteMember(work, view, entry, !change.gone, snapshot);
  const isNewer = entry.isConfirmed && entry.position > change.position;
  if (change.gone === "unscoped") {
    // Another view may show it; a result may have told more of it.
    if (!isLeft && !isNewer && entry.isConfirmed) work.record(entry, forget);
    return true;
  }
  // What an own operation has made is told by its result, and once more by the log.
  const isSame = entry.isConfirmed && entry.position === change.position && (change.record ? isTold(entry, change) : !change.gone);
  if (isNewer || isSame) {
    if (snapshot !== undefined && entry.snapshot !== snapshot) work.record(entry, () => (entry.snapshot = snapshot));
    if (isSame && !change.record) noteConflicts(work, entry, change);
    return true;
  }
  const token = withDetailsOf(change.version, entry.token);
  const fields = applyChange(entry.fields, change);
  if (fields === UNFIT || token === undefined) return false;
  work.record(entry, () => {
    const { position, conflicts = [] } = change;
    Object.assign(entry, { fields, token, position, conflicts, isConfirmed: true });
    if (snapshot !== undefined) entry.snapshot = snapshot;
  });
  return true;
}

/** Of a change at the same position the conflicts are taken, which a result does not tell. */
function noteConflicts(work: Work, entry: Entry, { conflicts = [] }: Change): void {
  if (conflicts.length !== entry.conflicts.length || conflicts.some(({ id }, at) => entry.conflicts[at]?.id !== id)) {
    work.record(entry, () => (entry.conflicts = conflicts));
  }
}

/** Returns whether what is held is just what is told. */
function isTold(entry: Entry, { record, version, conflicts = [] }: Change): boolean {
  const isAlike = conflicts.length === entry.conflicts.length && conflicts.every(({ id }, at) => entry.conflicts[at]?.id === id);
  return isAlike && withDetailsOf(version, entry.token) === entry.token && !!record && equals(entry.fields, record);
}

/** Returns whether an operation may be sent: its lane does not stand, or the hub has to be asked. */
export function maySend({ aside }: State, entry: Entry, queued: Queued): boolean {
  return !queued.refusal && (queued.asked !== undefined || !!queued.isResent || !aside || !stands(entry, queued.operation.op));
}

/** Returns whether the lane stands because something in it was refused. */
function stands(entry: Entry, counter: number): boolean {
  for (const [at, queued] of entry.lane ?? []) {
    if (at >= counter) return false;
    if (queued.refusal) return true;
  }
  return false;
}
