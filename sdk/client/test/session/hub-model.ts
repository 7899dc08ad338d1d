/** A hub in memory: an ordered log, each operation applied once by its id, views, a window; and what one connection may say. */

import type { JsonObject } from "../../src/json/value.js";
import type { Change, ClientMessage, Follow, HubMessage, Page, Result } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import type { Random } from "./random.js";

export type Key = `${string}/${string}`;
export type Record = JsonObject | null;

const INCARNATION = "00000000000000000000000000000001";
const UNANSWERED_MAX = 8;

export const keyOf = ({ entity, id }: { entity: string; id: string }): Key => `${entity}/${id}`;

/** Says that somebody has broken the protocol, or lost something. */
export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Returns what an operation makes of a record. */
export function predict(record: Record, { delete: deletes, set, inc }: Operation): Record {
  if (deletes) return null;
  const next: { [member: string]: JsonObject[string] } = { ...record };
  for (const [path, value] of Object.entries(set ?? {})) next[path.slice(1)] = value;
  for (const [path, by] of Object.entries(inc ?? {})) next[path.slice(1)] = Number(next[path.slice(1)] ?? 0) + Number(by);
  return next;
}

export const positionOf = (cursor: string | undefined): number => Number(/:(\d+)/.exec(cursor ?? "")?.[1] ?? 0);
export const followsKey = (follow: Follow, key: Key): boolean =>
  !follow.entities?.length || follow.entities.includes(key.slice(0, key.indexOf("/")));

interface Entry {
  readonly key: Key;
  readonly client: string;
  readonly op: number;
}

/** What a hub keeps. */
export class HubModel {
  /** Position 1 is the first. */
  readonly log: Entry[] = [];
  /** What every record looked like as of each of its positions. */
  readonly states = new Map<Key, [position: number, record: Record][]>();
  /** What became of operations for good: where they were applied, or that they were refused. */
  readonly results = new Map<string, number | "rejected" | "rebase">();
  /** Cursors before it cannot be used. */
  horizon = 0;
  trouble = true;
  readonly random: Random;
  readonly pageChanges: number;

  constructor(random: Random) {
    this.random = random;
    this.pageChanges = random.pick([1, 2, 100]);
  }

  position(): number {
    return this.log.length;
  }

  /** Forgets how to go on from cursors before the middle of the log. */
  forget(): void {
    this.horizon = Math.max(this.horizon, Math.floor(this.position() / 2));
  }

  stateAt(key: Key, position: number): [at: number, record: Record] {
    return (this.states.get(key) ?? []).findLast(([at]) => at <= position) ?? [0, null];
  }

  push(client: string, operations: readonly Operation[]): Result[] {
    const behind = new Set<Key>();
    return operations.map((operation) => {
      const result = this.#apply(client, operation, behind.has(keyOf(operation)));
      if (result.status === "behind") behind.add(keyOf(operation));
      return result;
    });
  }

  #apply(client: string, operation: Operation, isBehind: boolean): Result {
    const { op } = operation;
    const key = keyOf(operation);
    const known = this.results.get(`${client} ${op}`);
    const [, now] = this.stateAt(key, Infinity);
    // It tells the record as of now.
    if (typeof known === "number") return { op, status: "duplicate", ...this.#seen(this.position()), record: now };
    if (known !== undefined) return { op, status: known };
    const lacks = operation.after?.some((after) => typeof this.results.get(`${client} ${after}`) !== "number") === true;
    if (isBehind || lacks || (this.trouble && this.random.percent(5))) {
      const code = this.random.pick(["BASE_SHORT", "OPERATION_WAITS", "PUSH_HELD"]);
      return { op, status: "behind", problem: { code, detail: "", retryable: true } };
    }
    if (this.trouble && this.random.percent(4)) {
      const status = this.random.pick(["rejected", "rebase"] as const);
      this.results.set(`${client} ${op}`, status);
      return { op, status };
    }
    const base = positionOf(`:${operation.base?.slice(1) ?? 0}`);
    const hasSeenAll = this.log.every((entry, index) => entry.key !== key || index < base || (entry.client === client && entry.op < op));
    const record = predict(now, operation);
    this.log.push({ key, client, op });
    const at = this.position();
    this.states.set(key, [...(this.states.get(key) ?? []), [at, record]]);
    this.results.set(`${client} ${op}`, at);
    return hasSeenAll ? { op, status: "applied", ...this.#seen(at) } : { op, status: "merged", ...this.#seen(at), record };
  }

  #seen(position: number): { position: number; version: string } {
    return { position, version: `v${position}` };
  }

  /** Reads a page of a snapshot that began at a position, behind a place. */
  snapshot(follow: Follow, began: number, place: string | undefined): Page {
    const keys = [...this.states.keys()].filter((key) => followsKey(follow, key) && (place === undefined || key > place)).sort();
    const there = keys.filter((key) => this.stateAt(key, Infinity)[1] !== null);
    const told = there.slice(0, this.pageChanges);
    const isMore = there.length > told.length;
    const cursor = `${INCARNATION}:${began}${isMore ? `.${told.at(-1)}` : ""}`;
    const changes = told.map((key) => this.#change(key, Infinity));
    const begins = place === undefined ? { begins: true } : {};
    return { changes, cursor, more: isMore || began < this.position(), snapshot: true, ...begins };
  }

  /** Reads the changes behind a position. */
  page(follow: Follow, from: number): Page {
    const last = new Map<Key, number>();
    let end = from;
    for (let at = from + 1; at <= this.position(); at++) {
      const key = this.log[at - 1]?.key;
      if (key !== undefined && followsKey(follow, key)) {
        if (!last.has(key) && last.size >= this.pageChanges) break;
        last.delete(key);
        last.set(key, at);
      }
      end = at;
    }
    const changes = [...last].map(([key, at]) => this.#change(key, at)).sort((a, b) => a.position - b.position);
    return { changes, cursor: `${INCARNATION}:${end}`, more: end < this.position() };
  }

  #change(key: Key, at: number): Change {
    const [position, record] = this.stateAt(key, at);
    const [entity = "", id = ""] = key.split("/");
    return { entity, id, ...this.#seen(position), ...(record === null ? { gone: "deleted" as const } : { record }) };
  }
}

interface Followed {
  follow: Follow;
  /** Where the next page begins, within a snapshot or in the log. */
  cursor: string | undefined;
  /** Cursors that were told and not acknowledged. */
  unacknowledged: string[];
}

/** The hub's end of one connection. */
export class HubLink {
  client = "";
  readonly #hub: HubModel;
  #views: Followed[] = [];
  #window = 0;
  #isGreeted = false;
  /** What is to be said before any change. */
  #outbox: HubMessage[] = [];
  #pushes: (readonly Operation[])[] = [];
  /** Per record the position that a result has told. */
  readonly #told = new Map<Key, number>();

  constructor(hub: HubModel) {
    this.#hub = hub;
  }

  handle(message: ClientMessage): void {
    demand("hello" in message !== this.#isGreeted, "the first message is a hello, and no other");
    if ("hello" in message) {
      const { hello } = message;
      this.client = hello.client;
      this.#isGreeted = true;
      this.#window = hello.window ?? 64;
      this.#views = hello.views.map((follow) => ({ follow, cursor: follow.cursor, unacknowledged: [] }));
      const limits = { push_operations: 1_000, message_bytes: 8 << 20 };
      this.#outbox.push({ welcome: { protocol: 1, incarnation: INCARNATION, heartbeat_ms: 30_000, window: this.#window, limits } });
    } else if ("push" in message) {
      this.#pushes.push(message.push);
      demand(message.push.length > 0 && message.push.length <= 1_000, "a push has 1 to 1,000 operations");
      demand(this.#unanswered() <= UNANSWERED_MAX, "at most eight pushes are unanswered");
    } else if ("ack" in message) {
      const view = this.#views[message.ack.view];
      const at = view?.unacknowledged.indexOf(message.ack.cursor) ?? -1;
      demand(at >= 0, "what is acknowledged was told");
      view?.unacknowledged.splice(0, at + 1);
    }
  }

  #unanswered(): number {
    return this.#pushes.length + this.#outbox.filter((message) => "results" in message).length;
  }

  /** Carries out the next push, if one waits. */
  carryOut(): void {
    const push = this.#pushes.shift();
    if (!push) return;
    const results = this.#hub.push(this.client, push);
    push.forEach((operation, index) => {
      const position = results[index]?.position;
      if (position !== undefined) this.#told.set(keyOf(operation), position);
    });
    this.#outbox.push({ results, position: this.#hub.position() });
  }

  /** Returns the next message. */
  poll(): HubMessage | undefined {
    const said = this.#outbox.shift();
    if (said || !this.#isGreeted) return said;
    const credit = this.#window - this.#views.reduce((sum, view) => sum + view.unacknowledged.length, 0);
    if (credit <= 0) return undefined;
    for (const [index, view] of this.#views.entries()) {
      const page = this.#next(view);
      if (!page) continue;
      view.cursor = page.cursor;
      view.unacknowledged.push(page.cursor);
      return { view: index, ...page };
    }
    return undefined;
  }

  #next(view: Followed): Page | undefined {
    const from = positionOf(view.cursor);
    const isUsable = view.cursor !== undefined && from >= this.#hub.horizon;
    if (!isUsable) return this.#hub.snapshot(view.follow, this.#hub.position(), undefined);
    const place = view.cursor?.split(".")[1];
    if (place !== undefined) return this.#hub.snapshot(view.follow, from, place);
    if (from >= this.#hub.position()) return undefined;
    const page = this.#hub.page(view.follow, from);
    const isNews = (change: Change): boolean => change.position > (this.#told.get(keyOf(change)) ?? 0) || this.#views.length > 1;
    return { ...page, changes: page.changes.filter(isNews) };
  }
}
