/** The store's side of a connection, in memory: what the tests of the connection look at. */

import type { JsonObject } from "../../src/json/value.js";
import type { Follow, Page, Result, Stretch, Welcome } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import { placeOf } from "../../src/protocol/cursor.js";
import { recordSum, sumText } from "../../src/protocol/checksum.js";
import { applyChange, correct, UNFIT } from "../../src/protocol/correct.js";
import { predict } from "../../src/protocol/predict.js";
import { withDetailsOf } from "../../src/protocol/token.js";
import { dependants } from "../../src/session/lane.js";
import type { Settled, StoreSide, Sum, TakenIn, Waiting } from "../../src/store/side.js";

interface Held {
  readonly position: number;
  readonly version: string;
  readonly record: JsonObject | undefined;
}

const FITS: TakenIn = { isUnfit: false };

export class MemorySide implements StoreSide {
  readonly client: string;
  readonly queue = new Map<number, Waiting>();
  readonly confirmed = new Map<string, Held>();
  readonly results: Result[] = [];
  readonly aside = new Set<number>();
  readonly greeted: Welcome[] = [];
  readonly backups: number[] = [];
  /** What was stored, in order: pages by how many changes they have, results by how many there are. */
  readonly trace: string[] = [];
  /** What comparisons with the hub have shown, and whether records were spoilt. */
  readonly comparisons: boolean[] = [];
  spoils = false;
  begunAnew = 0;
  pages = 0;
  /** Changes that came before the result of the operation that made them. */
  shownTwice = 0;
  /** How often a snapshot began. */
  snapshots = 0;
  /** What the store fails with, once. */
  failure: Error | undefined;
  /** How long storing takes, in milliseconds. */
  storeMs = 0;
  #follows: Follow[];
  #shown = new Map<number, Set<string>>();
  #next = 1;
  #handed = new Set<number>();

  constructor(client: string, follows: Follow[] = [{}]) {
    this.client = client;
    this.#follows = follows;
  }

  /** Queues an operation; returns its counter. */
  edit(entity: string, id: string, effect: Partial<Operation>, isUrgent = false): number {
    const op = this.#next++;
    const base = this.confirmed.get(`${entity}/${id}`)?.version;
    const operation = { op, entity, id, at: new Date(0).toISOString(), ...(base !== undefined && { base }), ...effect };
    this.queue.set(op, { operation, isUrgent, asked: undefined, isResent: false });
    return op;
  }

  /** Puts an operation back that a former life of the hub has applied. */
  resend(operation: Operation): void {
    this.queue.set(operation.op, { operation, isUrgent: false, asked: undefined, isResent: true });
  }

  record(entity: string, id: string): JsonObject | undefined {
    return this.confirmed.get(`${entity}/${id}`)?.record;
  }

  cursors(): (string | undefined)[] {
    return this.#follows.map((follow) => follow.cursor);
  }

  follows(): readonly Follow[] {
    return this.#follows;
  }

  waiting(after: number, limit: number): readonly Waiting[] {
    const found: Waiting[] = [];
    for (const one of this.queue.values()) {
      if (found.length >= limit) break;
      if (one.operation.op > after) found.push(one);
    }
    return found;
  }

  pending(): number {
    return this.queue.size;
  }

  noteHanded(counter: number): void {
    this.#handed.add(counter);
  }

  async #stored(what: string): Promise<void> {
    await new Promise((resolve) => (this.storeMs > 0 ? setTimeout(resolve, this.storeMs) : queueMicrotask(() => resolve(undefined))));
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
    this.trace.push(what);
  }

  async settle(settled: readonly Settled[]): Promise<TakenIn> {
    await this.#stored(`results ${settled.length}`);
    for (const one of settled) {
      const { op } = one.operation;
      if (!this.queue.delete(op)) throw new Error(`${op} is answered once`);
      if ("because" in one) this.aside.add(op);
      else this.#take(one.operation, one.result, one.asked);
    }
    return FITS;
  }

  #take(operation: Operation, result: Result, asked: readonly number[]): void {
    this.results.push(result);
    if (result.status === "rejected" || result.status === "rebase") {
      const later = [...this.queue.values()].map((waiting) => waiting.operation).filter(({ op }) => op > operation.op);
      for (const { op } of dependants(operation, later)) {
        const waiting = this.queue.get(op);
        if (asked.includes(op) && waiting) this.queue.set(op, { ...waiting, asked: operation.op });
        else if (this.queue.delete(op)) this.aside.add(op);
      }
      return;
    }
    const key = `${operation.entity}/${operation.id}`;
    const held = this.confirmed.get(key);
    const { position, version } = result;
    // What an operation did is never shown as confirmed while it waits, or it would be shown twice.
    if (result.status !== "duplicate" && position !== undefined && held?.position === position) this.shownTwice += 1;
    if (position === undefined || version === undefined || (held?.position ?? 0) > position) return;
    const record = correct(predict(held?.record, operation), result);
    if (record === UNFIT) throw new Error("a result does not fit");
    this.confirmed.set(key, { position, version, record });
  }

  async page(index: number, page: Page, begins: boolean): Promise<TakenIn> {
    await this.#stored(`page ${page.changes.length}`);
    this.pages += 1;
    if (begins) this.#shown.set(index, new Set());
    this.snapshots += Number(begins && page.snapshot === true);
    const shown = this.#shown.get(index);
    for (const change of page.changes) {
      const key = `${change.entity}/${change.id}`;
      shown?.add(key);
      const held = this.confirmed.get(key);
      if ((held?.position ?? 0) >= change.position) continue;
      const record = applyChange(held?.record, change);
      const version = withDetailsOf(change.version, held?.version);
      if (record === UNFIT || version === undefined) throw new Error("a change does not fit");
      this.confirmed.set(key, { position: change.position, version, record });
    }
    const place = placeOf(page.cursor);
    if (page.snapshot && place?.isWithinSnapshot === false) {
      const entities = this.#follows[index]?.entities;
      for (const [key, held] of this.confirmed) {
        const isOfView = entities?.includes(key.slice(0, key.indexOf("/"))) ?? true;
        if (isOfView && !shown?.has(key) && held.position <= place.position) this.confirmed.delete(key);
      }
    }
    this.#follows = this.#follows.map((follow, at) => (at === index ? { ...follow, cursor: page.cursor } : follow));
    return FITS;
  }

  async greet(welcome: Welcome): Promise<boolean> {
    this.greeted.push(welcome);
    return false;
  }

  async backedUp(position: number): Promise<void> {
    this.backups.push(position);
  }

  async compare(_view: number, _cursor: string, sum: string): Promise<boolean | undefined> {
    this.comparisons.push(this.added() === sum);
    return this.comparisons.at(-1);
  }

  async sum(view: number): Promise<Sum | undefined> {
    const cursor = this.#follows[view]?.cursor;
    return cursor === undefined ? undefined : { cursor, sum: this.added() };
  }

  /** Adds up what is confirmed. */
  added(): string {
    let sum = 0n;
    for (const [key, { record }] of this.confirmed) {
      const at = key.indexOf("/");
      if (record) sum += recordSum(key.slice(0, at), key.slice(at + 1), record);
    }
    return this.spoils ? "0".repeat(32) : sumText(sum);
  }

  async holdings(): Promise<readonly Stretch[]> {
    return [];
  }

  async beginAnew(): Promise<void> {
    this.begunAnew += 1;
    this.#follows = this.#follows.map(({ cursor: _, ...follow }) => follow);
  }
}
