import { describe, expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import type { Batch, OpenStorage } from "../../src/storage/storage.js";
import type { Json } from "../../src/json/value.js";
import type { ByPath } from "../../src/protocol/operation.js";
import { SynclineError } from "../../src/error.js";
import { answer, edit, lead, openTab, page, shownOf, type Tab, discardIn } from "./device.js";

async function leading(storage?: OpenStorage, others?: Set<Tab>): Promise<Tab> {
  return lead(await openTab(storage, others));
}

/** A storage whose commits do what a test says. */
function scripted(open: OpenStorage, commit: (batch: Batch, go: () => Promise<boolean>) => Promise<boolean>): OpenStorage {
  return async (name) => {
    const place = await open(name);
    const own = place.commit.bind(place);
    place.commit = (batch) => commit(batch, () => own(batch));
    return place;
  };
}

describe("edits", () => {
  it("are shown at once and are there when the device is opened again", async () => {
    const storage = memory();
    const tab = await openTab(storage);
    const kept = edit(tab, "t1", { set: { "/title": "Call back" } });
    expect(shownOf(tab, "t1")).toEqual({ title: "Call back" });
    await kept;
    await tab.store.close();
    const again = await openTab(storage);
    expect(shownOf(again, "t1")).toEqual({ title: "Call back" });
    expect(again.store.client).toBe(tab.store.client);
  });

  it("never get the counter of another one, also where what was sent is lost on the device", async () => {
    const storage = memory();
    const first = await openTab(storage);
    const [counter] = await edit(first, "t1", { set: { "/a": 1 } });
    await first.store.close();
    const place = await storage("device");
    // As after a power loss: the rows of the edit are gone, and the next counter is the old one.
    await place.commit({ remove: [["queue", String(counter)]], put: [["meta", "next", String(counter)]] });
    const again = await openTab(storage);
    const [next] = await edit(again, "t1", { set: { "/a": 2 } });
    expect(next).toBeGreaterThan(counter as number);
  });

  it("go on behind what was reserved also where the place did not take the first one after an opening; opening writes nothing", async () => {
    const storage = memory();
    const first = await openTab(storage);
    await edit(first, "t1", { set: { "/a": 1 } });
    const reserved = first.store.state.number("reserved");
    await first.store.close();
    const batches: Batch[] = [];
    let isFull = true;
    const full = () => Promise.reject(new SynclineError("CLIENT_STORE_FULL", "full"));
    const again = await openTab(scripted(storage, (batch, go) => (batches.push(batch), isFull ? full() : go())));
    expect(batches).toEqual([]);
    await expect(edit(again, "t1", { set: { "/a": 2 } })).rejects.toMatchObject({ code: "CLIENT_STORE_FULL" });
    isFull = false;
    const [counter] = await edit(again, "t1", { set: { "/a": 3 } });
    expect(counter).toBe(reserved);
  });

  it("that the storage does not take are not shown any more, and later ones are", async () => {
    let isFull = false;
    const full = () => Promise.reject(new SynclineError("CLIENT_STORE_FULL", "full"));
    const tab = await openTab(scripted(memory(), (_, go) => (isFull ? full() : go())));
    await edit(tab, "t1", { set: { "/a": 1 } });
    isFull = true;
    const refused = edit(tab, "t1", { set: { "/a": 2 } });
    expect(shownOf(tab, "t1")).toEqual({ a: 2 });
    await expect(refused).rejects.toMatchObject({ code: "CLIENT_STORE_FULL" });
    expect(shownOf(tab, "t1")).toEqual({ a: 1 });
    isFull = false;
    await edit(tab, "t2", { set: { "/a": 3 } });
    expect(shownOf(tab, "t2")).toEqual({ a: 3 });
    expect([...tab.store.state.queue.keys()]).toHaveLength(2);
  });
});

describe("answers", () => {
  it("confirm what was predicted, and what the hub shows otherwise", async () => {
    const tab = await leading();
    const [one] = await edit(tab, "t1", { set: { "/title": "a" }, inc: { "/views": 1 } });
    const [two] = await edit(tab, "t1", { set: { "/title": "b" } });
    await tab.side.settle([answer(tab, one as number, { position: 5, version: "v5", set: { "/views": 7 } })], undefined);
    expect(shownOf(tab, "t1")).toEqual({ title: "b", views: 7 });
    await tab.side.settle([answer(tab, two as number, { status: "merged", position: 6, version: "v6", record: { title: "both", views: 7 } })], undefined);
    expect(shownOf(tab, "t1")).toEqual({ title: "both", views: 7 });
    expect(tab.store.pending).toBe(0);
    expect(tab.fates.map(([counter, , , fate]) => [counter, fate.status])).toEqual([[one, "applied"], [two, "applied"]]);
  });

  it("that refuse take the edit back, with what came after it, and its lane stands while others go on", async () => {
    const tab = await leading();
    const [one] = await edit(tab, "t1", { set: { "/a": 1 } });
    const drafts = [{ entity: "tasks", id: "t2", effect: { set: { "/a": 1 } as ByPath<Json> } }, { entity: "tasks", id: "t3", effect: { set: { "/b": 1 } as ByPath<Json> } }];
    const [two, three] = await tab.store.edit(drafts.map((draft) => ({ ...draft, texts: {}, isUrgent: false })), new Date(0));
    const [four] = await edit(tab, "t2", { set: { "/c": 1 } });
    const problem = { code: "WRITE_DENIED", detail: "not allowed", retryable: false };
    await tab.side.settle([answer(tab, two as number, { status: "rejected", problem })], undefined);
    expect(shownOf(tab, "t1")).toEqual({ a: 1 });
    expect(shownOf(tab, "t2")).toEqual({ c: 1 });
    expect(shownOf(tab, "t3")).toBeUndefined();
    expect(tab.side.waiting(0, 10).map(({ operation }) => operation.op)).toEqual([one]);
    expect(tab.store.state.queue.get(three as number)?.refusal?.code).toBe("OPERATION_AFTER_REFUSED");
    await discardIn(tab, two as number);
    expect(tab.side.waiting(0, 10).map(({ operation }) => operation.op)).toEqual([one, four]);
  });
});

describe("changes", () => {
  it("are shown below what waits, and older ones are ignored", async () => {
    const tab = await leading();
    await tab.side.page(0, page([{ record: { a: 1, b: 1 } }], 5, { snapshot: true, begins: true }), true);
    await edit(tab, "t1", { set: { "/a": 2 } });
    await tab.side.page(0, page([{ set: { "/a": 3, "/b": 3 } }], 6), false);
    expect(shownOf(tab, "t1")).toEqual({ a: 2, b: 3 });
    await tab.side.page(0, page([{ position: 4, record: { a: 0 } }], 7), false);
    expect(shownOf(tab, "t1")).toEqual({ a: 2, b: 3 });
  });

  it("that do not fit have everything read again", async () => {
    const tab = await leading();
    await tab.side.page(0, page([], 5, { snapshot: true, begins: true }), true);
    expect(tab.side.follows()[0]?.cursor).toBeDefined();
    const { isUnfit } = await tab.side.page(0, page([{ id: "t9", set: { "/a": 1 } }], 6), false);
    expect(isUnfit).toBe(true);
    expect(tab.side.follows()[0]?.cursor).toBeUndefined();
  });

  it("of a snapshot drop what it has not shown, but for what a result has told since", async () => {
    const tab = await leading();
    const [counter] = await edit(tab, "t3", { set: { "/a": 1 } });
    await tab.side.page(0, page([{ id: "t1", record: { a: 1 } }, { id: "t2", record: { a: 2 } }], 5, { snapshot: true, begins: true }), true);
    await tab.side.settle([answer(tab, counter as number, { position: 9, version: "v9" })], undefined);
    await tab.side.page(0, page([{ id: "t1", record: { a: 1 } }], 8, { snapshot: true, begins: true }), true);
    expect(["t1", "t2", "t3"].map((id) => shownOf(tab, id))).toEqual([{ a: 1 }, undefined, { a: 1 }]);
  });
});

describe("what is held", () => {
  it("is told in sums, and what the hub holds alike stays, also where everything was read anew in between", async () => {
    const tab = await leading(memory({ isShared: true }));
    const records = Array.from({ length: 40 }, (_, at) => ({ id: `t${String(at).padStart(2, "0")}`, record: { at } }));
    await tab.side.page(0, page(records, 5, { snapshot: true, begins: true }), true);
    const stretches = await tab.side.holdings(0);
    expect(stretches.length).toBeGreaterThan(1);
    await tab.store.reload();
    const same = { position: 9, stretches: [[0, stretches.length] as const] };
    await tab.side.page(0, page([], 9, { snapshot: true, begins: true, same }), true);
    expect(records.map(({ id }) => shownOf(tab, id))).toEqual(records.map(({ record }) => record));
    expect(tab.store.state.find("tasks", "t07")).toMatchObject({ position: 9 });
  });
});

describe("tabs", () => {
  it("on a storage that writes without comparing are found to give one counter twice", async () => {
    const compares = memory({ isShared: true });
    const blind: OpenStorage = async (name) => {
      const place = await compares(name);
      const { commit } = place;
      place.commit = ({ expect: _, ...batch }) => commit(batch);
      return place;
    };
    // They are not told what the other one does: so soon it has not come.
    const [a, b] = [await openTab(blind), await openTab(blind)];
    await Promise.all([a.store.reload(), b.store.reload()]);
    const counters = await Promise.all([edit(a, "t1", { set: { "/a": 1 } }), edit(b, "t1", { set: { "/b": 1 } })]);
    expect(new Set(counters.flat()).size).toBe(1);
  });

  it("see each other's edits, and each edit has a counter of its own whoever is first", async () => {
    const [storage, tabs] = [memory({ isShared: true }), new Set<Tab>()];
    const [a, b] = [await leading(storage, tabs), await openTab(storage, tabs)];
    await b.store.reload();
    const counters = await Promise.all(Array.from({ length: 40 }, (_, at) => edit(at % 2 ? a : b, `t${at % 5}`, { inc: { "/n": 1 } })));
    expect(new Set(counters.flat()).size).toBe(40);
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const tab of [a, b]) {
      expect([0, 1, 2, 3, 4].map((id) => shownOf(tab, `t${id}`))).toEqual(Array.from({ length: 5 }, () => ({ n: 8 })));
      expect(tab.store.pending).toBe(40);
    }
  });

  it("keep the order of the edits of one tab whatever the other one does", async () => {
    const [storage, tabs] = [memory({ isShared: true }), new Set<Tab>()];
    const [a, b] = [await leading(storage, tabs), await openTab(storage, tabs)];
    const edits: Promise<number[]>[] = [];
    for (let at = 0; at < 30; at += 1) {
      edits.push(edit(b, "t1", { set: { "/last": at } }));
      if (at % 3 === 0) edits.push(edit(a, "t2", { set: { "/last": at } }));
      if (at % 7 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all(edits);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(shownOf(a, "t1")).toEqual({ last: 29 });
    expect(shownOf(b, "t1")).toEqual({ last: 29 });
  });

  it("that lead no more write nothing of what the hub said", async () => {
    const [storage, tabs] = [memory({ isShared: true }), new Set<Tab>()];
    const [a, b] = [await leading(storage, tabs), await openTab(storage, tabs)];
    await lead(b, "2");
    await b.side.page(0, page([{ record: { a: 2 } }], 9, { snapshot: true, begins: true }), true);
    await expect(a.side.page(0, page([{ record: { a: 1 } }], 5, { snapshot: true, begins: true }), true)).rejects.toMatchObject({ code: "CLIENT_NOT_LEADING" });
    expect(a.deposed).toBe(1);
    expect(shownOf(b, "t1")).toEqual({ a: 2 });
    expect(shownOf(a, "t1")).toEqual({ a: 2 });
  });

  it("find what was written by one that ended before it could tell", async () => {
    const storage = memory({ isShared: true });
    const a = await leading(storage);
    const silent = await openTab(storage);
    await edit(silent, "t1", { set: { "/a": 1 } });
    expect(shownOf(a, "t1")).toBeUndefined();
    await a.store.refresh();
    expect(shownOf(a, "t1")).toEqual({ a: 1 });
  });
});
