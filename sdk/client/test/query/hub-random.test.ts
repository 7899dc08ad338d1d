/**
 * Live queries against the same queries asked anew, while edits wait, are answered, refused and made again, while the hub tells of changes,
 * and while the place now and then takes nothing, so that what was shown is taken back.
 */

import { afterEach, expect, it } from "vitest";
import type { Client, Delta, LiveQuery, Query, Shown } from "../../src/api.js";
import { open } from "../../src/client.js";
import type { ConnectFacts, Connecting } from "../../src/connection/connect.js";
import { SynclineError } from "../../src/error.js";
import type { JsonObject } from "../../src/json/value.js";
import { later } from "../../src/later.js";
import type { Change, Result } from "../../src/protocol/message.js";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { LeadingStore } from "../../src/store/leading.js";
import { shownFields } from "../../src/store/shown.js";
import type { Store } from "../../src/store/store.js";
import { oneOf, randomFrom } from "../random.js";
import { page } from "../store/device.js";

const IDS = Array.from({ length: 9 }, (_, at) => `t${at}`);
const connect = later.connect;
afterEach(() => void (later.connect = connect));

/** Opens a client that leads and is connected to nothing, with its store. */
async function leading(name: string, storage: OpenStorage): Promise<{ client: Client; store: Store; side: LeadingStore }> {
  const given = new Promise<Store>((resolve) => {
    const nothing = { wake: () => {}, check: () => {}, sync: () => undefined, setOnline: () => {}, setStrategy: () => {}, close: async () => {} };
    later.connect = async () => ({ connect: (facts: ConnectFacts) => (resolve(facts.store), nothing as Connecting) });
  });
  const client = await open({ name, storage, url: "http://hub.example" });
  const store = await given;
  await store.storage.commit({ put: [["meta", "term", "1"]] });
  return { client, store, side: await LeadingStore.lead(store, [{}], "1") };
}

function randomQuery(random: () => number): Query {
  const wheres: Query["where"][] = [undefined, { "/n": { gte: 3 } }, { "/s": { in: ["a", "b"] } }, { "/tags": { has: "x" } }, ({ n }) => Number(n) % 2 === 0];
  const where = oneOf(random, wheres);
  const sort = oneOf<readonly string[]>(random, [[], ["/n"], ["-/n"], ["/s", "-/n"]]);
  return { entity: "tasks", ...(where && { where }), sort, ...(random() < 0.7 && { limit: 1 + Math.floor(random() * 4) }), ...(random() < 0.3 && { offset: Math.floor(random() * 3) }) };
}

/** A live query, and what its deltas add up to. */
interface Followed {
  readonly query: Query;
  readonly live: LiveQuery;
  readonly stop: () => void;
  byDelta: Map<string, Shown>;
  last: readonly Shown[];
}

function follow(client: Client, query: Query): Followed {
  const live = client.live(query);
  const followed = { query, live, byDelta: new Map(live.records().map((record) => [record.id, record])), last: live.records() } as Followed;
  const stop = live.subscribe(({ records, added, changed, removed }: Delta) => {
    for (const id of removed) followed.byDelta.delete(id);
    for (const record of [...added, ...changed]) followed.byDelta.set(record.id, record);
    followed.last = records;
  });
  return Object.assign(followed, { stop });
}

class World {
  position = 0;
  readonly hub = new Map<string, JsonObject>();
  isFull = false;
  readonly random: () => number;
  client!: Client;
  store!: Store;
  side!: LeadingStore;
  followed: Followed[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  async begin(name: string): Promise<void> {
    const places = memory({ isShared: true });
    const storage: OpenStorage = async () => {
      const place = await places(name);
      const full = () => Promise.reject(new SynclineError("CLIENT_STORE_FULL", "full"));
      return { ...place, commit: (batch) => (this.isFull ? full() : place.commit(batch)) };
    };
    Object.assign(this, await leading(name, storage));
    await this.side.page(0, page([], 0, { snapshot: true, begins: true }), true);
    this.followed = Array.from({ length: 5 }, () => follow(this.client, randomQuery(this.random)));
  }

  edit(id: string): Promise<unknown> {
    const { random, client } = this;
    if (random() < 0.12) return client.delete("tasks", id);
    return client.edit("tasks", id, (task) => {
      if (random() < 0.5) task.set("/s", oneOf(random, ["a", "b", "c"]));
      if (random() < 0.3) task.addToSet("/tags", oneOf(random, ["x", "y"]));
      task.increment("/n", Math.floor(random() * 5) - 1);
    });
  }

  /** The hub tells of what others did. */
  page(): Promise<unknown> {
    const { random } = this;
    const changes: Partial<Change>[] = [];
    for (const id of IDS.filter(() => random() < 0.3)) {
      this.position += 1;
      const facts = { id, position: this.position, version: `v${this.position}` };
      const kind = random();
      const record = { n: Math.floor(random() * 8), s: oneOf(random, ["a", "b"]) };
      if (kind < 0.6) changes.push({ ...facts, record, ...(random() < 0.2 && { conflicts: [{ id: `c${this.position}`, path: "/s" }] }) });
      else changes.push({ ...facts, gone: kind < 0.8 ? "deleted" : "unscoped" });
    }
    // Now and then all of it, from which follows that the rest is there no more.
    const isSnapshot = random() < 0.2;
    return this.side.page(0, page(changes, this.position, isSnapshot ? { snapshot: true, begins: true } : {}), isSnapshot);
  }

  /** The hub answers what waits. */
  answer(): Promise<unknown> {
    const { random } = this;
    const settled = this.side.waiting(0, 1 + Math.floor(random() * 6)).map(({ operation }) => {
      this.side.noteHanded(operation.op);
      this.position += 1;
      const { position } = this;
      const kind = random();
      const problem = { code: "WRITE_DENIED", detail: "not allowed", retryable: false };
      const applied: Partial<Result> = { status: "applied", position, version: `v${position}` };
      const merged: Partial<Result> = { status: "merged", position, version: `v${position}`, record: { n: position % 7, s: "b" } };
      const result = kind < 0.25 ? { status: "rejected" as const, problem } : kind < 0.6 ? applied : merged;
      return { operation, result: { op: operation.op, ...result } as Result, asked: [] };
    });
    return this.side.settle(settled, undefined);
  }

  again(): Promise<unknown> {
    const [refused] = this.client.quarantine();
    if (!refused) return Promise.resolve();
    return this.random() < 0.5 ? this.client.retry(refused.operation) : this.client.discard(refused.operation);
  }

  step(): Promise<unknown> {
    const at = this.random();
    const id = oneOf(this.random, IDS);
    if (at < 0.45) return this.edit(id);
    if (at < 0.65) return this.page();
    if (at < 0.82) return this.answer();
    if (at < 0.9) return this.again();
    if (at < 0.94) return this.store.reload();
    this.isFull = !this.isFull && this.random() < 0.7;
    return Promise.resolve();
  }

  check(where: string): void {
    for (const entry of this.store.state.entries()) {
      const shown = this.client.get("tasks", entry.id);
      expect(shown?.value, `${where}: ${entry.id} as it is shown and as it is made anew`).toEqual(shownFields(entry));
    }
    for (const { query, live, byDelta, last } of this.followed) {
      const asked = this.client.query(query);
      const records = live.records();
      expect(records.map(idOf), where).toEqual(asked.map(idOf));
      expect(records.every((record, n) => record === asked[n]), `${where}: another object than a query answers`).toBe(true);
      expect(last, `${where}: what was told last`).toBe(records);
      expect([...byDelta.keys()].sort(), `${where}: what deltas add up to`).toEqual(records.map(idOf).sort());
      for (const record of records) expect(byDelta.get(record.id) === record, `${where}: a delta did not tell of ${record.id}`).toBe(true);
    }
  }
}

const idOf = ({ id }: Shown) => id;
const ignored = (error: unknown) => {
  if (!(error instanceof SynclineError)) throw error;
};

it("live queries are what the same query answers, whatever is answered, refused, told, or taken back", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const world = new World(seed);
    await world.begin(`hub-${seed}`);
    const underWay: Promise<unknown>[] = [];
    for (let at = 0; at < 60; at += 1) {
      underWay.push(world.step().catch(ignored));
      world.check(`seed ${seed}, step ${at}`);
      // Steps that are not awaited are written together, or undone together.
      if (world.random() < 0.4) {
        await Promise.all(underWay.splice(0));
        world.check(`seed ${seed}, behind step ${at}`);
      }
      if (world.random() < 0.05) {
        const [first] = world.followed.splice(0, 1);
        first?.stop();
        world.followed.push(follow(world.client, randomQuery(world.random)));
      }
    }
    world.isFull = false;
    await Promise.all(underWay.splice(0));
    world.check(`seed ${seed}, at the end`);
    await world.client.close();
  }
}, 60_000);
