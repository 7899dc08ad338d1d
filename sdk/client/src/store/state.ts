/** Everything that is kept, in memory, and the work on it that is not durable yet: what it writes, and how it is undone. */

import type { Fate } from "../api.js";
import type { Batch, Table } from "../storage/storage.js";
import { forget, hydrate, isEmpty, keyOf, namesOf, newEntry, queuedRow, recordRow, type Anchor, type Entry, type Queued } from "./entry.js";
import { SynclineError } from "../error.js";
import { parse } from "../json/parse.js";
import { write } from "../json/write.js";
import type { Json } from "../json/value.js";

/** The row of `meta` that says up to where counters are reserved. */
export const RESERVED = "reserved";

/** An operation that was applied and that no backup of the hub holds yet, as far as it has said. */
export interface KeptOperation {
  readonly queued: Queued;
  readonly incarnation: string;
  readonly position: number;
}

export class State {
  readonly meta = new Map<string, string>();
  readonly entities = new Map<string, Map<string, Entry>>();
  /** Operations that wait or were set aside, by counter, in order. */
  queue = new Map<number, Queued>();
  readonly kept = new Map<number, KeptOperation>();
  /** A number that is another one after every change of what is confirmed. */
  changes = 0;
  /** How many of the queue were set aside, and how many anchors there are. */
  aside = 0;
  anchored = 0;
  /** The least counter that is given from now on: smaller ones may have been sent before the place was opened. */
  readonly first: number;

  constructor(tables: ReadonlyMap<Table, ReadonlyMap<string, string>>) {
    this.load(tables);
    this.first = this.number(RESERVED) || 1;
  }

  /** Puts what is stored in the place of everything. A record stays the same object: others hold on to it. */
  load(tables: ReadonlyMap<Table, ReadonlyMap<string, string>>): void {
    for (const entry of this.entries()) Object.assign(entry, newEntry(entry.entity, entry.id));
    this.meta.clear();
    this.queue.clear();
    this.kept.clear();
    this.aside = this.anchored = 0;
    for (const [table, rows] of tables) {
      for (const [key, row] of rows) {
        if (table === "records") this.entry(...namesOf(key)).row = row;
        else this.take(table, key, row);
      }
    }
    this.sortQueue();
    for (const entry of [...this.entries()]) this.drop(entry);
  }

  /** Takes in a row that is stored; `undefined` where it is gone. */
  take(table: Table, key: string, row: string | undefined): Entry | undefined {
    switch (table) {
      case "meta":
        if (row === undefined) this.meta.delete(key);
        else this.meta.set(key, row);
        return undefined;
      case "records": {
        const [entity, id] = namesOf(key);
        const held = row === undefined ? this.find(entity, id) : this.entry(entity, id);
        if (!held) return undefined;
        forget(held, row);
        this.drop(held);
        return held;
      }
      case "anchors": {
        const [entity, id] = namesOf(key);
        const anchors = row === undefined ? [] : readRow<Anchor[]>(row, (read) => read.every(({ path }) => typeof path === "string"));
        return this.setAnchors(this.entry(entity, id), anchors);
      }
      case "kept":
        if (row === undefined) this.kept.delete(Number(key));
        else this.kept.set(Number(key), readRow<KeptOperation>(row, (read) => isOf(key, read.queued)));
        return undefined;
      case "queue":
        return row === undefined ? this.removeQueued(Number(key)) : this.putQueued(readRow<Queued>(row, (read) => isOf(key, read)));
    }
  }

  /** Returns what is kept of a record, if anything is. */
  find(entity: string, id: string): Entry | undefined {
    return this.entities.get(entity)?.get(id);
  }

  /** Returns what is kept of a record, which begins to be kept. */
  entry(entity: string, id: string): Entry {
    let entries = this.entities.get(entity);
    if (!entries) this.entities.set(entity, (entries = new Map()));
    let entry = entries.get(id);
    if (!entry) entries.set(id, (entry = newEntry(entity, id)));
    return entry;
  }

  /** Lets go of a record of which nothing is kept any more. */
  drop(entry: Entry): void {
    if (isEmpty(entry)) this.entities.get(entry.entity)?.delete(entry.id);
  }

  /** Keeps a record that was let go of, if there is something to keep. */
  hold(entry: Entry): void {
    if (!isEmpty(entry)) this.entities.get(entry.entity)?.set(entry.id, entry);
  }

  *entries(): Generator<Entry> {
    for (const entries of this.entities.values()) yield* entries.values();
  }

  setAnchors(entry: Entry, anchors: readonly Anchor[]): Entry {
    this.anchored += anchors.length - entry.anchors.length;
    entry.anchors = anchors;
    entry.shown = undefined;
    return entry;
  }

  putQueued(queued: Queued): Entry {
    const { op, entity, id } = queued.operation;
    const entry = this.entry(entity, id);
    const before = this.queue.get(op);
    this.aside += Number(!!queued.refusal) - Number(!!before?.refusal);
    this.queue.set(op, queued);
    (entry.lane ??= new Map()).set(op, queued);
    entry.shown = undefined;
    return entry;
  }

  removeQueued(counter: number): Entry | undefined {
    const queued = this.queue.get(counter);
    if (!queued) return undefined;
    const { entity, id } = queued.operation;
    const entry = this.entry(entity, id);
    if (queued.refusal) this.aside -= 1;
    this.queue.delete(counter);
    entry.lane?.delete(counter);
    if (entry.lane?.size === 0) entry.lane = undefined;
    entry.shown = undefined;
    this.drop(entry);
    return entry;
  }

  /** Puts the queue in the order of counters again, after older ones have come back. */
  sortQueue(): void {
    const byCounter = <T>(map: Map<number, T>): Map<number, T> => new Map([...map].sort(([a], [b]) => a - b));
    this.queue = byCounter(this.queue);
    for (const entry of this.entries()) {
      if (entry.lane && entry.lane.size > 1) entry.lane = byCounter(entry.lane);
    }
  }

  number(key: string): number {
    return Number(this.meta.get(key) ?? 0);
  }
}

/** Reads a row that nobody could tell again: with one that cannot be read nothing goes on, so that nothing is lost. */
function readRow<T>(row: string, isGood: (read: T) => boolean): T {
  try {
    const read = parse(row) as unknown as T;
    if (isGood(read)) return read;
  } catch {
    // It is damaged, as one that is something else.
  }
  throw new SynclineError("CLIENT_STORE_DAMAGED", "what is kept here cannot be read");
}

function isOf(key: string, { operation: { op, entity, id } }: Queued): boolean {
  return String(op) === key && typeof entity === "string" && typeof id === "string";
}

/** Steps that become durable together. Until they are, each can be undone. */
export class Work {
  readonly state: State;
  /** Records of which something else may be shown. */
  readonly touched = new Set<Entry>();
  /** Whether it writes what edits and results are decided by. */
  isOfQueue = false;
  /** Whether only who leads may do it. */
  isOfLeader = false;
  /** What became of operations by it: counter, record, fate. */
  readonly fates: (readonly [counter: number, entity: string, id: string, fate: Fate])[] = [];
  /** Rows of operations, where they are made already. */
  readonly rows = new Map<Queued, string>();
  /** Every record that it has changed. */
  #all = new Set<Entry>();
  /** What is to be written, by what it is of: rows are made once they are asked for. */
  readonly #records = new Set<Entry>();
  readonly #anchors = new Set<Entry>();
  readonly #queue = new Set<number>();
  readonly #kept = new Set<number>();
  readonly #meta = new Set<string>();
  #undo: (() => void)[] = [];

  constructor(state: State) {
    this.state = state;
  }

  #touch(entry: Entry): void {
    this.touched.add(entry);
    this.#all.add(entry);
  }

  /** Changes what is kept of a record in place; `change` may do anything to it but to its lane and its anchors. */
  record(entry: Entry, change: (entry: Entry) => void): void {
    const { state } = this;
    hydrate(entry);
    const before = { ...entry };
    this.#undo.push(() => {
      const { lane, anchors } = state.entry(entry.entity, entry.id);
      Object.assign(entry, before, { lane, anchors, shown: undefined });
      state.hold(entry);
      state.drop(entry);
    });
    change(entry);
    // A step before may have left nothing of it.
    state.hold(entry);
    state.changes += 1;
    // What is only noted of it, as which snapshot has shown it, leaves what is shown the same object.
    if (entry.fields !== before.fields || entry.conflicts !== before.conflicts || entry.position !== before.position) entry.shown = undefined;
    this.#touch(entry);
    this.#records.add(entry);
    state.drop(entry);
  }

  setAnchors(entry: Entry, anchors: readonly Anchor[]): void {
    const before = entry.anchors;
    if (before === anchors) return;
    this.isOfQueue = true;
    this.#undo.push(() => this.state.setAnchors(entry, before));
    this.state.setAnchors(entry, anchors);
    this.#touch(entry);
    this.#anchors.add(entry);
  }

  putQueued(queued: Queued): void {
    const { state } = this;
    const { op } = queued.operation;
    const before = state.queue.get(op);
    this.isOfQueue = true;
    this.#undo.push(() => (before ? state.putQueued(before) : this.#dropped(op)));
    this.#touch(state.putQueued(queued));
    this.#queue.add(op);
  }

  removeQueued(counter: number): void {
    const { state } = this;
    const before = state.queue.get(counter);
    if (!before) return;
    this.isOfQueue = true;
    this.#undo.push(() => {
      state.putQueued(before);
      this.isUnsorted = true;
    });
    this.#dropped(counter);
    this.#queue.add(counter);
  }

  /** Whether the queue is to be sorted once all is undone. */
  isUnsorted = false;

  #dropped(counter: number): void {
    const entry = this.state.removeQueued(counter);
    if (entry) this.#touch(entry);
  }

  /** Tells what became of an operation, once that is durable. */
  tell(...fate: (typeof this.fates)[number]): void {
    this.fates.push(fate);
    this.#undo.push(() => this.fates.pop());
  }

  keep(counter: number, kept: KeptOperation | undefined): void {
    const { state } = this;
    const before = state.kept.get(counter);
    this.isOfQueue = true;
    this.#undo.push(() => (before ? state.kept.set(counter, before) : state.kept.delete(counter)));
    if (kept) state.kept.set(counter, kept);
    else state.kept.delete(counter);
    this.#kept.add(counter);
  }

  setMeta(key: string, row: string | undefined): void {
    const { meta } = this.state;
    const before = meta.get(key);
    if (before === row) return;
    this.#undo.push(() => (before === undefined ? meta.delete(key) : meta.set(key, before)));
    if (row === undefined) meta.delete(key);
    else meta.set(key, row);
    this.#meta.add(key);
  }

  /** Returns a place to go back to. */
  mark(): number {
    return this.#undo.length;
  }

  /** Undoes everything since a mark. Rows are written all the same, as they are now. */
  undo(mark = 0): void {
    for (const step of this.#undo.splice(mark).reverse()) step();
    for (const entry of this.#all) this.touched.add(entry);
    if (this.isUnsorted) this.state.sortQueue();
    this.isUnsorted = false;
  }

  isEmpty(): boolean {
    return [this.#records, this.#anchors, this.#queue, this.#kept, this.#meta].every((changed) => changed.size === 0);
  }

  /** Returns the rows as they are now, and more that are put beside them. */
  batch(more: readonly [Table, string, string][]): Required<Pick<Batch, "put" | "remove">> {
    const { state } = this;
    const put = [...more];
    const remove: [Table, string][] = [];
    const add = (table: Table, key: string, row: string | undefined): void => {
      if (row === undefined) remove.push([table, key]);
      else put.push([table, key, row]);
    };
    for (const key of this.#meta) add("meta", key, state.meta.get(key));
    for (const { entity, id } of this.#records) {
      const entry = state.find(entity, id);
      add("records", keyOf(entity, id), entry && (entry.isConfirmed || entry.row !== undefined) ? recordRow(entry) : undefined);
    }
    for (const { entity, id } of this.#anchors) {
      const anchors = state.find(entity, id)?.anchors;
      add("anchors", keyOf(entity, id), anchors?.length ? write(anchors as unknown as Json) : undefined);
    }
    for (const counter of this.#queue) {
      const queued = state.queue.get(counter);
      add("queue", String(counter), queued && (this.rows.get(queued) ?? queuedRow(queued)));
    }
    for (const counter of this.#kept) {
      const kept = state.kept.get(counter);
      add("kept", String(counter), kept && write(kept as unknown as Json));
    }
    return { put, remove };
  }
}
