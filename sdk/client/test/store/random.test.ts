/**
 * Random histories of several tabs on a storage that fails, with a hub in memory: edits, answers that are lost, changes of others, tabs
 * that are not told, that are killed, that take the lead (after `crates/syncline-client/src/store/tests/random.rs`).
 */

import { expect, it } from "vitest";
import { EditWriter } from "../../src/edit.js";
import { SynclineError } from "../../src/error.js";
import type { JsonObject } from "../../src/json/value.js";
import type { Change, Result } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import { predict } from "../../src/protocol/predict.js";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { LeadingStore } from "../../src/store/leading.js";
import { oneOf, randomFrom } from "../random.js";
import { openTab, page, shownOf, type Tab, retryIn, discardIn } from "./device.js";

const RECORDS = ["t1", "t2", "t3"];

/** A hub in memory: it takes operations as they come, remembers its answers and tells pages. */
class FakeHub {
  position = 0;
  readonly records = new Map<string, { record: JsonObject | undefined; position: number }>();
  readonly answered = new Map<number, Result["status"]>();

  handle(operation: Operation, refuses: boolean): Result {
    const { op, id, base, after = [] } = operation;
    const held = this.records.get(id) ?? { record: undefined, position: 0 };
    const known = this.answered.get(op);
    const problem = { code: "GATE_REFUSED", detail: "not allowed", retryable: false };
    if (known === "rejected") return { op, status: "rejected", problem };
    if (known) return { op, status: "duplicate", position: held.position, version: `v${held.position}`, record: held.record ?? null };
    if (refuses || after.some((counter) => this.answered.get(counter) === "rejected")) {
      this.answered.set(op, "rejected");
      return { op, status: "rejected", problem };
    }
    const position = this.change(id, predict(held.record, operation));
    const status = Number(base?.slice(1) ?? 0) === held.position ? "applied" : "merged";
    this.answered.set(op, status);
    const record = this.records.get(id)?.record ?? null;
    return { op, status, position, version: `v${position}`, ...(status === "merged" && { record }) };
  }

  change(id: string, record: JsonObject | undefined): number {
    this.position += 1;
    this.records.set(id, { record, position: this.position });
    return this.position;
  }

  since(cursor: number): Partial<Change>[] {
    const changed = [...this.records].filter(([, { position }]) => position > cursor);
    return changed.map(([id, { record, position }]) => ({ id, position, version: `v${position}`, ...(record ? { record } : { gone: "deleted" as const }) }));
  }
}

class World {
  readonly random: () => number;
  readonly hub = new FakeHub();
  readonly others = new Set<Tab>();
  readonly storage: OpenStorage;
  tabs: Tab[] = [];
  leader: Tab | undefined;
  term = 0;
  cursor = 0;
  typed = 0;
  /** What the next commits do. */
  fault: "none" | "fails" | "slow" = "none";
  /** Edits of tabs that are not durable yet, or are. */
  readonly underWay = new Map<Tab, Promise<void>[]>();
  /** Counters of edits that are durable, and those that somebody has discarded or made anew. */
  readonly made = new Set<number>();
  readonly settledByHand = new Set<number>();
  /** Operations as they were sent first: they stay so. */
  readonly sent = new Map<number, string>();

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const storage = memory({ isShared: true });
    this.storage = async (name) => {
      const place = await storage(name);
      const commit = place.commit.bind(place);
      place.commit = async (batch) => {
        if (this.fault === "slow") await new Promise((done) => setTimeout(done, 1));
        if (this.fault === "fails" && this.random() < 0.5) throw new SynclineError("CLIENT_STORE_FULL", "full");
        return commit(batch);
      };
      return place;
    };
  }

  async openTab(): Promise<Tab> {
    const tab = await openTab(this.storage, this.others);
    this.tabs.push(tab);
    return tab;
  }

  async lead(tab: Tab): Promise<void> {
    const term = String((this.term += 1));
    await tab.store.storage.commit({ put: [["meta", "term", term]] });
    this.leader = undefined;
    tab.side = await LeadingStore.lead(tab.store, [{}], term);
    this.leader = tab;
    this.cursor = Number(tab.side.follows()[0]?.cursor?.split(":")[1] ?? 0);
  }

  edit(tab: Tab, id: string, write: (writer: EditWriter, shown: JsonObject | undefined) => void): void {
    const shown = shownOf(tab, id) as JsonObject | undefined;
    const writer = new EditWriter(shown);
    write(writer, shown);
    const texts = { "/text": String(shown?.["text"] ?? "") };
    const drafts = writer.finish().map((effect) => ({ entity: "tasks", id, effect, texts: effect.text ? texts : {}, isUrgent: false }));
    const edited = tab.store.edit(drafts, new Date(1_000)).then(
      (counters) => {
        for (const counter of counters) {
          if (this.made.has(counter)) throw new Error(`the counter ${counter} was given twice`);
          this.made.add(counter);
        }
      },
      (error: unknown) => {
        if (!(error instanceof SynclineError)) throw error;
      },
    );
    this.underWay.set(tab, [...(this.underWay.get(tab) ?? []), edited]);
  }

  async send(most: number, refuses: boolean, arrives: boolean): Promise<void> {
    const side = this.leader?.side;
    if (!side) return;
    const settled = side.waiting(0, most).map(({ operation }, at) => {
      side.noteHanded(operation.op);
      const text = JSON.stringify(operation);
      if ((this.sent.get(operation.op) ?? text) !== text) throw new Error(`operation ${operation.op} was sent as ${this.sent.get(operation.op)} and as ${text}`);
      this.sent.set(operation.op, text);
      return { operation, result: this.hub.handle(operation, refuses && at === 0), asked: [] };
    });
    if (arrives) await side.settle(settled, undefined).catch(ignored);
  }

  async pull(): Promise<void> {
    const side = this.leader?.side;
    if (!side) return;
    const changes = this.hub.since(this.cursor);
    const to = this.hub.position;
    const isFirst = side.follows()[0]?.cursor === undefined;
    const told = page(isFirst ? this.hub.since(0).filter(({ record }) => record) : changes, to, isFirst ? { snapshot: true, begins: true } : {});
    await side.page(0, told, isFirst).then(() => (this.cursor = to), ignored);
  }

  async step(): Promise<void> {
    const { random } = this;
    const tab = oneOf(random, this.tabs);
    const id = oneOf(random, RECORDS);
    const by = 1 + Math.floor(random() * 8);
    const kinds: [number, () => unknown][] = [
      [4, () => this.edit(tab, id, (r) => void r.increment("/sum", by))],
      [4, () => this.edit(tab, id, (r, shown) => void r.changeText("/text", `${String(shown?.["text"] ?? "")}w${(this.typed += 1)} `))],
      [2, () => this.edit(tab, id, (r) => void r.set("/field", by))],
      [1, () => this.edit(tab, id, (r) => void r.delete())],
      [5, () => this.send(by, random() < 0.2, random() < 0.7)],
      [2, () => this.hub.change(id, predict(this.hub.records.get(id)?.record, { inc: { "/sum": by } }))],
      [3, () => this.pull()],
      [1, () => this.settleOne(tab, random() < 0.5)],
      [1, () => this.lead(tab).catch(ignored)],
      [1, () => tab.store.refresh().catch(ignored)],
      [1, () => void (random() < 0.5 ? this.others.delete(tab) : this.others.add(tab))],
      [1, () => (this.fault = oneOf(random, ["none", "fails", "slow"] as const))],
      [1, () => this.kill(tab)],
      [3, () => new Promise((done) => setTimeout(done))],
    ];
    let at = random() * kinds.reduce((sum, [weight]) => sum + weight, 0);
    const chosen = kinds.find(([weight]) => (at -= weight) < 0);
    await chosen?.[1]();
  }

  async settleOne(tab: Tab, again: boolean): Promise<void> {
    const first = [...tab.store.state.queue.values()].find(({ refusal }) => refusal)?.operation.op;
    if (first === undefined) return;
    const done = again ? retryIn(tab, first).then((counters) => counters.forEach((counter) => this.made.add(counter))) : discardIn(tab, first);
    await done.then(() => this.settledByHand.add(first), ignored);
  }

  /** Ends a tab without a word: what it has not written is lost, and was promised to nobody. */
  async kill(tab: Tab): Promise<void> {
    this.others.delete(tab);
    this.tabs = this.tabs.filter((other) => other !== tab);
    tab.store.storage.commit = () => new Promise(() => {});
    if (this.leader === tab) this.leader = undefined;
    if (this.tabs.length === 0 || this.random() < 0.5) {
      const { fault } = this;
      this.fault = "none";
      await this.openTab();
      this.fault = fault;
    }
  }

  /** Everything is sent and fetched: all show what the hub holds, and so does what is stored. */
  async settle(): Promise<void> {
    this.fault = "none";
    for (const tab of this.tabs) this.others.add(tab);
    const tab = this.tabs[0] ?? (await this.openTab());
    for (const each of this.tabs) await Promise.all(this.underWay.get(each) ?? []);
    await this.lead(tab);
    for (let rounds = 0; rounds < 100 && tab.store.state.queue.size > 0; rounds += 1) {
      await this.settleOne(tab, false);
      await this.send(100, false, true);
      await new Promise((done) => setTimeout(done));
    }
    this.cursor = 0;
    await this.pull();
    expect(tab.store.state.queue.size, "operations wait").toBe(0);
    for (const other of this.tabs) await other.store.refresh();
    await new Promise((done) => setTimeout(done, 5));
    for (const other of this.tabs) await other.store.reload();
    const fresh = await this.openTab();
    for (const id of RECORDS) {
      const held = this.hub.records.get(id)?.record;
      for (const [at, each] of this.tabs.entries()) expect(shownOf(each, id), `${id} in tab ${at}`).toEqual(held);
      expect(shownOf(fresh, id), `${id} as it is stored`).toEqual(held);
      const words = String(held?.["text"] ?? "").split(" ").filter(Boolean);
      expect(new Set(words).size, "a word was typed twice").toBe(words.length);
    }
    for (const counter of this.made) expect(this.hub.answered.has(counter) || this.settledByHand.has(counter), `operation ${counter} was lost`).toBe(true);
    for (const { failures } of this.tabs) expect(failures).toEqual([]);
  }
}

/** A storage that is full, a tab that leads no more: what was to be done is done later. */
function ignored(error: unknown): void {
  if (!(error instanceof SynclineError)) throw error;
}

it("whatever happens nothing is lost, nothing is done twice, and all tabs show what is stored", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = new World(seed);
    for (let tabs = 1 + (seed % 3); tabs > 0; tabs -= 1) await world.openTab();
    try {
      for (let step = 0; step < 60; step += 1) await world.step();
      await world.settle();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
});
