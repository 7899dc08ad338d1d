/**
 * The records and the queue of a device: decides what is written, and has it written.
 *
 * Every step of `docs/protocol.md` §8 is one transaction. It is decided on what is in memory, shown at once, and told to whoever
 * asked for it once it is durable; steps that come while another is being written are written together. If the storage says no
 * they are undone. Tabs of one browser share the storage: whatever edits and results are decided by has a number, `turn`, and what
 * was decided on an older one is not written but decided again, on what the other tab has written. Who leads has a `term`, so that
 * one that was deposed in its sleep writes nothing.
 *
 * | You want | Read |
 * |---|---|
 * | what is kept of a record, and its rows | `entry.ts` |
 * | everything in memory, and undoing | `state.ts` |
 * | what is shown | `shown.ts` |
 * | edits being queued, refused ones being made anew | `enqueue.ts`, `again.ts` |
 * | what the connection asks, in the tab that has it | `leading.ts` |
 * | results and changes coming in | `incoming.ts`, `views.ts` |
 * | texts with edits that wait | `texts.ts` |
 * | a hub that was restored | `kept.ts` |
 */

import type { Fate } from "../api.js";
import { SynclineError } from "../error.js";
import { SEAL, type Storage, type Table } from "../storage/storage.js";
import type { Entry } from "./entry.js";
import { enqueue, type Draft } from "./enqueue.js";
import { RESERVED, State, Work } from "./state.js";

/** The format of the rows. Raise it with every change of them; older programs then refuse. */
const FORMAT = "1";

/** How long to wait for what another tab has written to be told, before all is read again, in milliseconds. */
const TELL_MS_MAX = 100;

/** How often a step is decided again because another tab was faster. */
const TURNS_MAX = 100;

/** The rows of `meta` of which one changes with whatever is written: edits and results have a turn, changes of records a cursor. */
const OF_STATE = ["turn", "views", "snapshots", "incarnation"];

/** What tabs tell each other. */
export interface Told {
  /** What comes after this many turns; none where nothing that edits are decided by was written. */
  readonly turn?: number;
  readonly rows: readonly (readonly [table: Table, key: string, row: string | undefined])[];
  readonly fates: readonly (readonly [counter: number, entity: string, id: string, fate: Fate])[];
}

/** Who is told of what happens. */
export interface Listener {
  /** Records may be shown otherwise. */
  changed(entries: readonly Entry[]): void;
  /** Something was written; other tabs are told. */
  written(told: Told): void;
  /** The hub has answered operations, here or in another tab. */
  settled(fates: Told["fates"]): void;
  /** This tab leads no more. */
  deposed(): void;
  /** What is kept cannot be read any more. */
  failed(error: unknown): void;
}

interface Task {
  readonly decide: (work: Work) => unknown;
  readonly isOfLeader: boolean;
  tries: number;
  done: unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Steps that are written together. */
interface Group {
  readonly work: Work;
  readonly tasks: Task[];
}

export class Store {
  readonly state: State;
  readonly storage: Storage;
  readonly #listener: Listener;
  #next: Group | undefined;
  /** Kept while something is being written or read. */
  #writing: Promise<void> | undefined;
  /** What was asked for while what it is to be decided on changes. */
  #held: Task[] | undefined;
  #isClosed = false;
  /** What other tabs have written and is not taken in yet, in their order. */
  #inbox: Told[] = [];
  #wake: (() => void) | undefined;
  /** The term of this tab, while it leads. */
  #term: string | undefined;
  /** Counters below this one are durable, as far as they were given. */
  written = 0;

  private constructor(storage: Storage, state: State, listener: Listener) {
    this.storage = storage;
    this.state = state;
    this.#listener = listener;
  }

  /** Opens what is stored. `newId` names a client that is new. */
  static async open(storage: Storage, newId: () => string, listener: Listener): Promise<Store> {
    const loaded = await storage.load();
    if (loaded.get("meta")?.has(SEAL)) throw new SynclineError("CLIENT_STORE_KEY", "the store is sealed, and there is no key");
    const state = new State(loaded);
    const format = state.meta.get("format");
    if (format !== undefined && format !== FORMAT) {
      throw new SynclineError("CLIENT_STORE_TOO_NEW", "the store was made by a newer program");
    }
    const store = new Store(storage, state, listener);
    store.written = state.number("next");
    // A place that is known already is not written into: the first edit goes on behind what was reserved.
    if (!state.meta.has("client")) {
      await store.perform((work) => {
        // Two tabs may be the first at once: the one that comes second takes the name that the other has given.
        if (state.meta.has("client")) return;
        work.isOfQueue = true;
        work.setMeta("format", FORMAT);
        work.setMeta("client", newId());
      });
    }
    return store;
  }

  get client(): string {
    return this.state.meta.get("client") ?? "";
  }

  /** Returns how many operations wait. */
  get pending(): number {
    return this.state.queue.size - this.state.aside;
  }

  /** This tab leads in a term that is written already, or no more. */
  setTerm(term: string | undefined): void {
    if (term !== undefined) this.state.meta.set("term", term);
    this.#term = term;
  }

  // ── what the app does ────────────────────────────────────────────────

  /** Queues edits; kept with their counters once these are durable. */
  edit(drafts: readonly Draft[], now: Date): Promise<number[]> {
    return this.perform((work) => enqueue(work, drafts, now));
  }

  // ── writing ──────────────────────────────────────────────────────────

  /**
   * Decides a step now, and answers once it is durable.
   *
   * - `isOfLeader`: whether only who leads may do it.
   */
  perform<T>(decide: (work: Work) => T, isOfLeader = false): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const task: Task = { decide, isOfLeader, tries: 0, done: undefined, resolve: resolve as Task["resolve"], reject };
      if (this.#held) this.#held.push(task);
      else this.#decide(task);
      this.#write();
    });
  }

  #group(): Group {
    return (this.#next ??= { work: new Work(this.state), tasks: [] });
  }

  #decide(task: Task): void {
    const group = this.#group();
    const mark = group.work.mark();
    try {
      if (this.#isClosed) throw new SynclineError("CLIENT_CLOSED", "the client was closed");
      if (task.isOfLeader && this.#term === undefined) throw new SynclineError("CLIENT_NOT_LEADING", "another tab leads", { retryable: true });
      task.done = task.decide(group.work);
      if (task.isOfLeader) group.work.isOfLeader = true;
      group.tasks.push(task);
    } catch (error) {
      group.work.undo(mark);
      task.reject(error);
    }
    this.#show(group.work);
  }

  #show(work: Work): void {
    if (!work.touched.size) return;
    this.#listener.changed([...work.touched]);
    work.touched.clear();
  }

  /** Writes what is decided, until nothing is left. */
  #write(): void {
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Whatever is decided in the same breath is written together.
    await undefined;
    try {
      while (this.#next || this.#inbox.length) {
        if (this.#inbox.length) await this.#anew([], () => this.#takeInbox());
        const group = this.#next;
        this.#next = undefined;
        if (group) await this.#commit(group);
      }
    } finally {
      // At once: whoever decides something from now on begins anew.
      this.#writing = undefined;
    }
  }

  async #commit(group: Group): Promise<void> {
    const { work, tasks } = group;
    const { fates } = work;
    const { state } = this;
    const finish = () => tasks.forEach((task) => task.resolve(task.done));
    if (work.isEmpty()) return finish();
    const before = state.meta.get("turn");
    const turn = Number(before ?? 0) + 1;
    if (work.isOfQueue) state.meta.set("turn", String(turn));
    const expect: [string, string | undefined][] = work.isOfQueue ? [["turn", before]] : [];
    if (work.isOfLeader) expect.push(["term", this.#term]);
    const { put, remove } = work.batch(work.isOfQueue ? [["meta", "turn", String(turn)]] : []);
    let failure: unknown;
    const next = state.number("next");
    const isWritten = await this.storage.commit({ expect, remove, put }).catch((error: unknown) => {
      failure = error ?? new SynclineError("CLIENT_STORE_FAILED", "the store could not do it");
      return false;
    });
    if (isWritten) {
      // Before any of it may be sent.
      if (put.some(([table, key]) => table === "meta" && key === RESERVED)) await this.storage.flush?.().catch((error: unknown) => this.#listener.failed(error));
      this.written = next;
      const rows = [...put, ...remove.map(([table, key]) => [table, key, undefined] as const)];
      if (this.storage.isShared) this.#listener.written({ ...(work.isOfQueue && { turn }), rows, fates });
      this.#listener.settled(fates);
      return finish();
    }
    // What was decided since was decided on this.
    const later = this.#undoNext();
    work.undo();
    if (before === undefined) state.meta.delete("turn");
    else state.meta.set("turn", before);
    this.#show(work);
    if (failure === undefined) return this.#anew([...tasks, ...later], () => this.#catchUp());
    tasks.forEach((task) => task.reject(failure));
    later.forEach((task) => this.#decide(task));
  }

  #undoNext(): Task[] {
    const group = this.#next;
    this.#next = undefined;
    group?.work.undo();
    if (group) this.#show(group.work);
    return group?.tasks ?? [];
  }

  /** Changes what steps are decided on, and decides those anew that are not written; what is asked meanwhile waits. */
  async #anew(tasks: Task[], change: () => Promise<void>): Promise<void> {
    const again = [...tasks, ...this.#undoNext()];
    const held: Task[] = (this.#held = []);
    let failure: unknown;
    await change().catch((error: unknown) => (failure = error));
    this.#held = undefined;
    for (const task of [...again, ...held]) {
      task.tries += 1;
      if (failure !== undefined) task.reject(failure);
      else if (task.tries > TURNS_MAX) task.reject(new SynclineError("CLIENT_STORE_BUSY", "other tabs write all the time", { retryable: true }));
      else this.#decide(task);
    }
    if (failure !== undefined) this.#listener.failed(failure);
  }

  // ── other tabs ───────────────────────────────────────────────────────

  /** Another tab has written something. */
  handleTold(told: Told): void {
    this.#inbox.push(told);
    this.#wake?.();
    this.#write();
  }

  /** Takes in what other tabs have written. */
  async #takeInbox(): Promise<void> {
    for (;;) {
      const told = this.#inbox[0];
      if (!told) return;
      if (told.turn !== undefined && told.turn > this.state.number("turn") + 1) await this.#catchUp();
      else this.#takeTold(this.#inbox.shift());
    }
  }

  #takeTold(told: Told | undefined): void {
    if (!told) return;
    const { turn, rows, fates } = told;
    // What was read anew has it already.
    if (turn === undefined || turn > this.state.number("turn")) {
      const touched = new Set<Entry>();
      for (const [table, key, row] of rows) {
        const entry = this.state.take(table, key, row);
        if (entry) touched.add(entry);
      }
      this.written = this.state.number("next");
      this.#listener.changed([...touched]);
      this.#noticeTerm();
    }
    this.#listener.settled(fates);
  }

  #isToldOf(): boolean {
    return this.#inbox.some(({ turn }) => turn === this.state.number("turn") + 1);
  }

  /** Another tab was faster: takes in what it has told, and reads everything anew where that does not come. */
  async #catchUp(): Promise<void> {
    if (!this.#isToldOf()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, TELL_MS_MAX);
        this.#wake = () => {
          if (!this.#isToldOf()) return;
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    if (!this.#isToldOf()) return this.#read();
    // Each sender's are in order, but not those of two.
    while (this.#isToldOf()) {
      const told = this.#inbox.shift();
      if (told?.turn !== undefined && told.turn > this.state.number("turn") + 1) this.#inbox.push(told);
      else this.#takeTold(told);
    }
  }

  /** Reads everything anew. What other tabs tell while that goes on comes after it. */
  async #read(): Promise<void> {
    this.#inbox = [];
    const tables = await this.storage.load();
    const before = [...this.state.entries()];
    this.state.load(tables);
    this.written = this.state.number("next");
    if (!this.state.meta.has("client")) throw new SynclineError("CLIENT_STORE_EVICTED", "what was kept here is gone");
    this.#listener.changed([...before, ...this.state.entries()]);
    this.#noticeTerm();
  }

  /**
   * Reads everything anew if another tab has written something that this one was not told of.
   *
   * - `isSure`: everything is as it is stored afterwards; otherwise what is being written or told meanwhile is left to be taken in.
   */
  async refresh(isSure = false): Promise<void> {
    if (!this.storage.isShared || this.#isClosed) return;
    while (isSure && this.#writing) await this.#writing;
    const stored = await this.storage.meta(OF_STATE);
    const isOther = OF_STATE.some((key, at) => stored[at] !== this.state.meta.get(key));
    if (isOther && (isSure || (!this.#writing && !this.#inbox.length))) await this.reload();
  }

  /** Reads everything anew, once nothing is being written. */
  async reload(): Promise<void> {
    if (!this.storage.isShared) return;
    while (this.#writing) await this.#writing;
    this.#writing = this.#anew([], () => this.#read()).finally(() => (this.#writing = undefined));
    await this.#writing;
    this.#write();
  }

  #noticeTerm(): void {
    if (this.#term === undefined || this.state.meta.get("term") === this.#term) return;
    this.#term = undefined;
    this.#listener.deposed();
  }

  /** Waits for what is being written, and takes nothing more. */
  async close(): Promise<void> {
    await this.#end();
    this.storage.close();
  }

  /** Removes everything. */
  async destroy(): Promise<void> {
    await this.#end();
    await this.storage.destroy();
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    while (this.#writing) await this.#writing;
  }
}
