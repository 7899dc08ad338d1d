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
 * | edits being queued, refused ones being made anew | `enqueue.ts` |
 * | results and changes coming in | `incoming.ts`, `views.ts` |
 * | texts with edits that wait | `texts.ts` |
 * | a hub that was restored | `kept.ts` |
 */

import type { Fate } from "../api.js";
import { SynclineError } from "../error.js";
import type { Follow, Page, Stretch, Welcome } from "../protocol/message.js";
import type { Storage, Table } from "../storage/storage.js";
import type { Entry } from "./entry.js";
import { discard, enqueue, RESERVED, retry, skipReserved, type Draft } from "./enqueue.js";
import { maySend, settle, takePage, type Incoming } from "./incoming.js";
import { backedUp, boundKept, greet } from "./kept.js";
import type { Settled, StoreSide, TakenIn, Waiting } from "./side.js";
import { State, Work } from "./state.js";
import { termRow } from "../tabs/leader.js";
import { follow, forgetCursors, viewStates, type Said } from "./views.js";

/** The format of the rows. Raise it with every change of them; older programs then refuse. */
const FORMAT = "1";

/** How long to wait for what another tab has written to be told, before all is read again, in milliseconds. */
const TELL_MS_MAX = 100;

/** How often a step is decided again because another tab was faster. */
const TURNS_MAX = 100;

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
  fates: Told["fates"][number][];
}

export class Store implements StoreSide {
  readonly state: State;
  readonly #storage: Storage;
  readonly #listener: Listener;
  readonly #follows: readonly Follow[];
  #next: Group | undefined;
  /** Kept while something is being written or read. */
  #writing: Promise<void> | undefined;
  /** What was asked for while what it is to be decided on changes. */
  #held: Task[] | undefined;
  #isClosed = false;
  /** What other tabs have written and is not taken in yet, in their order. */
  #inbox: Told[] = [];
  #wake: (() => void) | undefined;
  /** The term of this tab, while it leads; the first counter of it, and those handed out since. */
  #term: string | undefined;
  #ledAt = 0;
  /** Counters below this one are durable, as far as they were given. */
  #written = 0;
  #handed = new Set<number>();
  #said = new Map<number, Said>();
  repairs = 0;

  private constructor(storage: Storage, state: State, follows: readonly Follow[], listener: Listener) {
    this.#storage = storage;
    this.state = state;
    this.#follows = follows;
    this.#listener = listener;
  }

  /** Opens what is stored. `newId` names a client that is new. */
  static async open(storage: Storage, follows: readonly Follow[], newId: () => string, listener: Listener): Promise<Store> {
    const state = new State(await storage.load());
    const format = state.meta.get("format");
    if (format !== undefined && format !== FORMAT) {
      throw new SynclineError("CLIENT_STORE_TOO_NEW", "what is kept here was written by a newer version of this client");
    }
    const store = new Store(storage, state, follows, listener);
    await store.#perform((work) => {
      skipReserved(work);
      // Two tabs may be the first at once: the one that comes second takes the name that the other has given.
      if (state.meta.has("client")) return;
      work.setMeta("format", FORMAT);
      work.setMeta("client", newId());
    });
    return store;
  }

  get client(): string {
    return this.state.meta.get("client") ?? "";
  }

  // ── what the app does ────────────────────────────────────────────────

  /** Queues edits; kept with their counters once these are durable. */
  edit(drafts: readonly Draft[], now: Date): Promise<number[]> {
    return this.#perform((work) => enqueue(work, drafts, now));
  }

  retry(counter: number, now: Date): Promise<number[]> {
    return this.#perform((work) => retry(work, counter, now));
  }

  async discard(counter: number): Promise<void> {
    await this.#perform((work) => void discard(work, counter));
  }

  // ── what the connection asks ─────────────────────────────────────────

  /** This tab leads from now on, in a term that is written already. */
  async lead(term: number): Promise<void> {
    await this.reload();
    const [key, row] = termRow(term);
    this.state.meta.set(key, row);
    this.#term = row;
    this.#ledAt = this.state.number("next");
    this.#handed.clear();
    this.#said.clear();
    await this.#perform((work) => follow(work, this.#follows), true);
  }

  /** This tab leads no more. */
  resign(): void {
    this.#term = undefined;
  }

  follows(): readonly Follow[] {
    const views = viewStates(this.state);
    return this.#follows.map((one, view) => {
      const cursor = views[view]?.cursor;
      const holds = this.#follows.length === 1 && !one.view;
      return { ...one, ...(cursor !== undefined && { cursor }), ...(holds && { holds: true as const }) };
    });
  }

  waiting(after: number, limit: number): readonly Waiting[] {
    const found: Waiting[] = [];
    for (const [counter, queued] of this.state.queue) {
      if (found.length >= limit) break;
      // What is not durable is not sent.
      if (counter <= after || counter >= this.#written) continue;
      const { operation, isUrgent, asked, isResent } = queued;
      const entry = this.state.entry(operation.entity, operation.id);
      if (maySend(this.state, entry, queued)) found.push({ operation, isUrgent, asked, isResent: !!isResent });
    }
    return found;
  }

  pending(): number {
    return this.state.queue.size - this.state.aside;
  }

  noteHanded(counter: number): void {
    if (counter >= this.#ledAt) this.#handed.add(counter);
  }

  settle(settled: readonly Settled[], backedUp: number | undefined): Promise<TakenIn> {
    return this.#take((work) => {
      const incoming = settle(work, settled, backedUp, this.#wasHanded);
      boundKept(work);
      return incoming;
    });
  }

  page(view: number, page: Page, begins: boolean): Promise<TakenIn> {
    const said = this.#said.get(view);
    return this.#take((work) => takePage(work, view, page, begins, said, this.#wasHanded));
  }

  greet(welcome: Welcome): Promise<boolean> {
    return this.#perform((work) => greet(work, welcome), true);
  }

  async backedUp(position: number): Promise<void> {
    if (this.state.kept.size) await this.#perform((work) => backedUp(work, position), true);
  }

  async compare(view: number, cursor: string, sum: string): Promise<boolean | undefined> {
    const { compare } = await import("./check.js");
    const isEqual = await compare(this.state, view, this.#follows[view]?.entities ?? [], cursor, sum);
    if (isEqual === false) {
      this.repairs += 1;
      await this.beginAnew();
    }
    return isEqual;
  }

  async holdings(view: number): Promise<readonly Stretch[]> {
    const { holdings } = await import("./check.js");
    const { said, stretches } = holdings(this.state);
    this.#said.set(view, said);
    return stretches;
  }

  async beginAnew(): Promise<void> {
    await this.#perform(forgetCursors, true);
  }

  #wasHanded = ({ operation, isResent }: { operation: { op: number }; isResent?: true }): boolean =>
    operation.op < this.#ledAt || this.#handed.has(operation.op) || !!isResent;

  async #take(decide: (work: Work) => Incoming): Promise<TakenIn> {
    const incoming = await this.#perform((work) => {
      const incoming = decide(work);
      const { fates } = this.#group();
      for (const [{ op, entity, id }, fate] of incoming.fates) {
        this.#handed.delete(op);
        fates.push([op, entity, id, fate]);
      }
      return incoming;
    }, true);
    return { isUnfit: incoming.isUnfit };
  }

  // ── writing ──────────────────────────────────────────────────────────

  /** Decides a step now, and answers once it is durable. */
  #perform<T>(decide: (work: Work) => T, isOfLeader = false): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const task: Task = { decide, isOfLeader, tries: 0, done: undefined, resolve: resolve as Task["resolve"], reject };
      if (this.#held) this.#held.push(task);
      else this.#decide(task);
      this.#write();
    });
  }

  #group(): Group {
    return (this.#next ??= { work: new Work(this.state), tasks: [], fates: [] });
  }

  #decide(task: Task): void {
    const group = this.#group();
    const mark = group.work.mark();
    try {
      if (this.#isClosed) throw new SynclineError("CLIENT_CLOSED", "the client was closed");
      if (task.isOfLeader && this.#term === undefined) throw new SynclineError("CLIENT_NOT_LEADING", "another tab holds the connection", { retryable: true });
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
    const { work, tasks, fates } = group;
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
    const isWritten = await this.#storage.commit({ expect, remove, put }).catch((error: unknown) => {
      failure = error ?? new SynclineError("CLIENT_STORE_FAILED", "the storage failed");
      return false;
    });
    if (isWritten) {
      this.#written = next;
      if (put.some(([table, key]) => table === "meta" && key === RESERVED)) await this.#storage.flush?.().catch((error: unknown) => this.#listener.failed(error));
      const rows = [...put, ...remove.map(([table, key]) => [table, key, undefined] as const)];
      if (this.#storage.isShared) this.#listener.written({ ...(work.isOfQueue && { turn }), rows, fates });
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
      else if (task.tries > TURNS_MAX) task.reject(new SynclineError("CLIENT_STORE_BUSY", "other tabs write without a pause", { retryable: true }));
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
      this.#written = this.state.number("next");
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
    const tables = await this.#storage.load();
    const before = [...this.state.entries()];
    this.state.load(tables);
    this.#written = this.state.number("next");
    if (!this.state.meta.has("client")) throw new SynclineError("CLIENT_STORE_EVICTED", "what was kept here is gone");
    this.#listener.changed([...before, ...this.state.entries()]);
    this.#noticeTerm();
  }

  /** Reads everything anew if another tab has written something that this one was not told of. */
  async refresh(): Promise<void> {
    if (!this.#storage.isShared || this.#isClosed) return;
    const [turn] = await this.#storage.meta(["turn"]);
    if (turn !== this.state.meta.get("turn") && !this.#writing && !this.#inbox.length) await this.reload();
  }

  /** Reads everything anew, once nothing is being written. */
  async reload(): Promise<void> {
    if (!this.#storage.isShared) return;
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
    this.#storage.close();
  }

  /** Removes everything. */
  async destroy(): Promise<void> {
    await this.#end();
    await this.#storage.destroy();
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    while (this.#writing) await this.#writing;
  }
}
