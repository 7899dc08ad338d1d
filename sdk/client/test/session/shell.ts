/** A client's shell: its disk, its machine, and what it checks of both. */

import type { Follow, Page, HubMessage, ClientMessage, Result } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import type { newSession, Session, ToStore } from "../../src/session/session.js";
import { dependants } from "../../src/session/lane.js";
import { demand, followsKey, keyOf, positionOf, predict, type HubModel, type Key, type Record } from "./hub-model.js";
import type { Random } from "./random.js";

const KEYS: readonly Key[] = ["a/1", "a/2", "a/3", "b/1", "b/2"];

interface Held {
  readonly position: number;
  readonly record: Record;
}

/** What outlives the client's process. */
interface Disk {
  readonly queue: Map<number, Operation>;
  /** Operations that are asked for although their lane stands, and what was refused. */
  readonly asked: Map<number, number>;
  readonly applied: Set<number>;
  readonly refused: Set<number>;
  readonly aside: Set<number>;
  readonly standing: Set<Key>;
  readonly confirmed: Map<Key, Held>;
  views: Follow[];
  /** Per view the records that the snapshot under way has shown. */
  readonly shown: Map<number, Set<Key>>;
  made: number;
}

export class Shell {
  readonly client: string;
  readonly disk: Disk;
  machine: Session;
  /** What is being written to disk. */
  storing: ToStore | undefined;
  readonly #begin: typeof newSession;
  readonly #hub: HubModel;
  readonly #random: Random;
  readonly #window: number;
  /** What was handed to the machine since it began, and what it knows to be answered for good. */
  #handed = new Set<number>();
  #answered = new Set<number>();

  constructor(begin: typeof newSession, client: string, hub: HubModel, random: Random) {
    this.client = client;
    this.#begin = begin;
    this.#hub = hub;
    this.#random = random;
    this.#window = random.pick([1, 2, 64]);
    const views = random.pick([[{ entities: ["a"] }, { entities: ["b"] }], [{ entities: ["a"] }], [{}], [{}]]);
    const empty = { queue: new Map(), asked: new Map(), applied: new Set<number>(), refused: new Set<number>() };
    const more = { aside: new Set<number>(), standing: new Set<Key>(), confirmed: new Map(), shown: new Map() };
    this.disk = { ...empty, ...more, views, made: 0 };
    this.machine = this.#start();
  }

  #start(): Session {
    const random = (): number => this.#random.next();
    return this.#begin({ client: this.client, follows: this.disk.views, accept: [], window: this.#window, random });
  }

  /** The process ends and starts again with what is on disk. */
  restart(): void {
    this.#handed = new Set();
    this.#answered = new Set();
    this.storing = undefined;
    this.machine = this.#start();
  }

  /** The user writes something. */
  edit(): void {
    const { disk } = this;
    const key = this.#random.pick(KEYS);
    if (disk.standing.has(key) && this.#random.percent(50)) return;
    disk.standing.delete(key);
    disk.made += 1;
    const held = disk.confirmed.get(key);
    const open = [...disk.queue.keys()].filter((counter) => !disk.asked.has(counter));
    const [entity = "", id = ""] = key.split("/");
    const title = String.fromCharCode(97 + this.#random.below(26));
    const effect = this.#random.pick([{ delete: true as const }, { inc: { "/sum": 1 } }, { set: { "/title": title } }, { inc: { "/sum": 1 } }]);
    const base = held && held.record !== null ? { base: `v${held.position}` } : {};
    const after = open.length > 0 && this.#random.percent(20) ? { after: [this.#random.pick(open)] } : {};
    disk.queue.set(disk.made, { op: disk.made, entity, id, at: "2026-11-20T10:00:00.000Z", ...base, ...after, ...effect });
  }

  /** Hands what the machine has not got yet to it. */
  handIn(nowMs: number): void {
    for (const [counter, operation] of this.disk.queue) {
      if (this.#handed.has(counter)) continue;
      const refused = this.disk.asked.get(counter);
      const isIn =
        refused === undefined
          ? this.machine.handleOperation(operation, this.#random.percent(20), nowMs)
          : this.machine.handleAsked(operation, refused, nowMs);
      demand(isIn, "there is room");
      this.#handed.add(counter);
    }
  }

  arrive(message: HubMessage, nowMs: number): void {
    if ("results" in message) {
      for (const result of message.results) if (result.status !== "behind") this.#answered.add(result.op);
    }
    this.machine.handleMessage(message, nowMs);
  }

  /** Checks what the machine says to the hub. */
  check(message: ClientMessage): void {
    if ("hello" in message) demand(JSON.stringify(message.hello.views) === JSON.stringify(this.disk.views), "a hello says what is stored");
    if ("ack" in message) demand(this.disk.views[message.ack.view]?.cursor === message.ack.cursor, "what is acknowledged is stored");
    if (!("push" in message)) return;
    const before = new Set<number>();
    for (const operation of message.push) {
      this.#checkOperation(operation, before);
      before.add(operation.op);
    }
  }

  #checkOperation(operation: Operation, before: ReadonlySet<number>): void {
    const { op } = operation;
    const { queue, asked } = this.disk;
    demand(queue.get(op) === operation, `${op} is an operation of the queue`);
    const waits = (counter: number): boolean => !before.has(counter) && !this.#answered.has(counter) && !asked.has(counter);
    for (const earlier of queue.values()) {
      const isOvertaken = earlier.op < op && keyOf(earlier) === keyOf(operation) && waits(earlier.op);
      demand(!isOvertaken, `${op} overtakes an earlier one of its lane`);
    }
    const named = operation.after?.filter((counter) => queue.has(counter)) ?? [];
    demand(!named.some(waits), `${op} overtakes one that it comes after`);
  }

  /** Makes durable what the machine asked for. */
  store(store: ToStore): void {
    if ("page" in store) {
      this.#storePage(store.view, store.page, store.begins);
      this.machine.handleStored();
    } else if ("settled" in store) {
      const { settled } = store;
      if ("result" in settled) return this.#storeResult(settled.operation, settled.result, settled.asked);
      const { op } = settled.operation;
      demand(this.disk.asked.delete(op) && this.disk.queue.delete(op), `${op} was asked for`);
      this.disk.aside.add(op);
    }
  }

  #storeResult(operation: Operation, result: Result, asked: readonly number[]): void {
    const { disk } = this;
    const { op } = operation;
    demand(disk.queue.delete(op), `${op} is answered once`);
    disk.asked.delete(op);
    const key = keyOf(operation);
    if (result.status !== "rejected" && result.status !== "rebase") {
      disk.applied.add(op);
      const held = disk.confirmed.get(key) ?? { position: 0, record: null };
      const { position = 0, record } = result;
      if (held.position < position) this.#confirm(key, position, record === undefined ? predict(held.record, operation) : record);
      return;
    }
    disk.refused.add(op);
    const later = [...disk.queue.values()].filter((other) => other.op > op);
    for (const { op: after } of dependants(operation, later)) {
      if (asked.includes(after)) disk.asked.set(after, op);
      else if (!disk.asked.has(after)) {
        disk.queue.delete(after);
        disk.aside.add(after);
      }
    }
    disk.standing.add(key);
  }

  #storePage(index: number, page: Page, begins: boolean): void {
    const { disk } = this;
    const follow = disk.views[index] ?? {};
    demand(begins || positionOf(follow.cursor) <= positionOf(page.cursor), "a cursor does not go back");
    if (begins) disk.shown.set(index, new Set());
    const shown = disk.shown.get(index);
    for (const change of page.changes) {
      const key = keyOf(change);
      shown?.add(key);
      if ((disk.confirmed.get(key)?.position ?? 0) < change.position) this.#confirm(key, change.position, change.record ?? null);
    }
    const isThrough = !page.cursor.includes(".");
    if (page.snapshot && isThrough) {
      for (const [key, held] of disk.confirmed) {
        if (followsKey(follow, key) && !shown?.has(key) && held.position <= positionOf(page.cursor)) disk.confirmed.delete(key);
      }
      disk.shown.delete(index);
    }
    disk.views = disk.views.map((view, at) => (at === index ? { ...view, cursor: page.cursor } : view));
    if (isThrough) this.#checkNoGap(follow, positionOf(page.cursor));
  }

  /** Holds a record from now on; it is exactly what the hub had there. */
  #confirm(key: Key, position: number, record: Record): void {
    const [, expected] = this.#hub.stateAt(key, position);
    demand(same(record, expected), `${key} is as the hub had it at ${position}`);
    this.disk.confirmed.set(key, { position, record });
  }

  /** Whatever changed up to the cursor is held, and nothing is shown twice. */
  #checkNoGap(follow: Follow, position: number): void {
    for (const key of [...this.#hub.states.keys()].filter((key) => followsKey(follow, key))) {
      const [changed, record] = this.#hub.stateAt(key, position);
      const held = this.disk.confirmed.get(key);
      const wasDeletedLater = this.#hub.states.get(key)?.some(([at, later]) => at >= changed && later === null) === true;
      demand(held ? held.position >= changed : record === null || wasDeletedLater, `${key} lacks ${changed}`);
    }
    for (const operation of this.disk.queue.values()) {
      const at = this.#hub.results.get(`${this.client} ${operation.op}`);
      const isTold = typeof at === "number" && at <= position && followsKey(follow, keyOf(operation));
      demand(!isTold, `${operation.op} is confirmed and waits as well`);
    }
  }

  /** Returns whether everything is settled and as the hub has it. */
  isSettled(): boolean {
    const hub = this.#hub;
    const isEqual = (follow: Follow): boolean =>
      positionOf(follow.cursor) === hub.position() &&
      [...hub.states.keys()].every((key) => {
        return !followsKey(follow, key) || same(this.disk.confirmed.get(key)?.record ?? null, hub.stateAt(key, Infinity)[1]);
      });
    return this.disk.queue.size === 0 && this.disk.views.every(isEqual);
  }

  /** Each operation was applied, refused or set aside, and the hub knows it so. */
  checkSettled(): void {
    const { applied, refused, aside, made } = this.disk;
    for (let counter = 1; counter <= made; counter++) {
      const known = this.#hub.results.get(`${this.client} ${counter}`);
      const told = [applied, refused, aside].map((of) => of.has(counter)).join();
      const expected = [typeof known === "number", typeof known === "string", known === undefined].join();
      demand(told === expected, `operation ${counter} of ${this.client}: told ${told}, is ${expected}`);
    }
  }
}

function same(a: Record, b: Record): boolean {
  const text = (record: Record): string => JSON.stringify(record && Object.entries(record).sort());
  return text(a) === text(b);
}
