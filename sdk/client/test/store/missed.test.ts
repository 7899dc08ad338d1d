/** What a tab does with what it was not told of, and with what is asked for late. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Delta } from "../../src/api.js";
import { open } from "../../src/client.js";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { openChannel, type Channel } from "../../src/tabs/channel.js";
import { shown } from "../../src/store/shown.js";
import { answer, edit, lead, openTab, page, shownOf } from "./device.js";

afterEach(() => void vi.useRealTimers());

/** Tabs of one place that cannot tell each other anything, as if each had been frozen while the others wrote. */
function deaf(): OpenStorage {
  const storage = memory({ isShared: true });
  return () => storage("device");
}

describe("a tab that was not told of what another one wrote", () => {
  it("takes out of its live queries what is there no more", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const storage = deaf();
    const a = await open({ name: "a", storage });
    await a.edit("tasks", "t1", (task) => task.set("/title", "one"));
    await a.edit("tasks", "t2", (task) => task.set("/title", "two"));
    const b = await open({ name: "b", storage });
    const deltas: Delta[] = [];
    const live = b.live({ entity: "tasks" });
    live.subscribe((delta) => deltas.push(delta));
    await a.delete("tasks", "t1");
    await a.edit("tasks", "t2", (task) => task.set("/title", "two again"));
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(b.get("tasks", "t2")?.value).toEqual({ title: "two again" }));
    expect(live.records().map(({ id, value }) => [id, value])).toEqual([["t2", { title: "two again" }]]);
    expect(deltas.flatMap(({ removed }) => removed)).toEqual(["t1"]);
    await a.close();
    await b.close();
  });

  it("takes out of its live queries what the hub shows no more", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const storage = deaf();
    const tab = await lead(await openTab(storage));
    await tab.side.page(0, page([{ record: { title: "one" } }], 5, { snapshot: true, begins: true }), true);
    const client = await open({ name: "b", storage });
    const live = client.live({ entity: "tasks" });
    live.subscribe(() => {});
    await tab.side.page(0, page([{ gone: "unscoped" }], 6), false);
    await edit(tab, "t2", { set: { "/title": "two" } });
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(client.get("tasks", "t2")).toBeDefined());
    expect(live.records().map(({ id }) => id)).toEqual(["t2"]);
    await client.close();
  });

  it("lists a record with a conflict once, and no more once it is settled", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const storage = deaf();
    const tab = await lead(await openTab(storage));
    const told = { record: { title: "one" }, conflicts: [{ id: "c1", path: "/title" }] };
    await tab.side.page(0, page([told], 5, { snapshot: true, begins: true }), true);
    const client = await open({ name: "b", storage });
    expect(client.conflicts().map(({ id }) => id)).toEqual(["t1"]);
    await edit(tab, "t2", { set: { "/title": "two" } });
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(client.get("tasks", "t2")).toBeDefined());
    expect(client.conflicts().map(({ id }) => id)).toEqual(["t1"]);
    await tab.side.page(0, page([{ set: { "/title": "settled" } }], 6), false);
    await edit(tab, "t2", { set: { "/title": "three" } });
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(client.get("tasks", "t1")?.value).toEqual({ title: "settled" }));
    expect(client.conflicts()).toEqual([]);
    await client.close();
  });

  it("keeps what it has said that it holds, where it read everything anew in between", async () => {
    const storage = deaf();
    const a = await lead(await openTab(storage));
    await a.side.page(0, page([{ id: "t1", record: { title: "one" } }, { id: "t2", record: { title: "two" } }], 5, { snapshot: true, begins: true }), true);
    await a.side.beginAnew();
    await a.side.holdings(0);
    const b = await openTab(storage);
    await edit(b, "t3", { set: { "/title": "three" } });
    await a.store.refresh();
    expect(shownOf(a, "t3")).toEqual({ title: "three" });
    await a.side.page(0, page([], 9, { snapshot: true, begins: true, same: { position: 9, stretches: [[0, 1]] } }), true);
    expect(["t1", "t2", "t3"].map((id) => shownOf(a, id))).toEqual([{ title: "one" }, { title: "two" }, { title: "three" }]);
    const again = await openTab(storage);
    expect(["t1", "t2", "t3"].map((id) => shownOf(again, id))).toEqual([{ title: "one" }, { title: "two" }, { title: "three" }]);
  });
});

describe("what became of an edit", () => {
  it("is told to who asks only after the hub has answered", async () => {
    const storage = memory({ isShared: true });
    const client = await open({ name: "device", storage });
    const edited = await client.edit("tasks", "t1", (task) => task.set("/title", "one"));
    const tab = await lead(await openTab(storage));
    const [operation] = edited.operations;
    const told = { status: "conflict", position: 5, version: "v5", record: { title: "x" }, conflicts: ["c1"] } as const;
    await tab.side.settle([answer(tab, operation as number, told)], undefined);
    const channel = openChannel("device") as unknown as Channel<object & { kind: string }>;
    for (const rows of tab.told) channel.post({ kind: "commit", ...rows });
    await vi.waitFor(() => expect(client.status().pending).toBe(0));
    expect(await client.settled(edited)).toMatchObject({ status: "conflict", conflicts: ["c1"] });
    channel.close();
    await client.close();
  });

  it("is asked for no longer once the client is closed", async () => {
    const client = await open({ name: "closing", storage: memory() });
    const fate = client.settled(await client.edit("tasks", "t1", (task) => task.set("/title", "one")), 86_400_000);
    await client.close();
    await expect(fate).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });

  it("is not that it was applied where it was discarded", async () => {
    const storage = memory({ isShared: true });
    const client = await open({ name: "device-2", storage });
    const edited = await client.edit("tasks", "t1", (task) => task.set("/title", "one"));
    const tab = await lead(await openTab(storage, new Set(), "device-2"));
    const problem = { code: "WRITE_DENIED", detail: "not allowed", retryable: false };
    await tab.side.settle([answer(tab, edited.operations[0] as number, { status: "rejected", problem })], undefined);
    const channel = openChannel("device-2") as unknown as Channel<object & { kind: string }>;
    for (const rows of tab.told) channel.post({ kind: "commit", ...rows });
    await vi.waitFor(() => expect(client.quarantine().length).toBe(1));
    await client.discard(edited.operations[0] as number);
    expect(await client.settled(edited)).toMatchObject({ status: "refused" });
    channel.close();
    await client.close();
  });
});

describe("a place of which nothing was missed", () => {
  /** Counts how often all of a place is read. */
  function counted(storage: OpenStorage): { open: OpenStorage; loads: () => number } {
    let loads = 0;
    const open: OpenStorage = async (name) => {
      const place = await storage(name);
      return { ...place, load: () => ((loads += 1), place.load()) };
    };
    return { open, loads: () => loads };
  }

  it("is not read again by who begins to lead, and records stay the same objects", async () => {
    const storage = deaf();
    const first = await lead(await openTab(storage));
    await first.side.page(0, page([{ record: { title: "one" } }], 5, { snapshot: true, begins: true }), true);
    const { open, loads } = counted(storage);
    const tab = await openTab(open);
    const shownFirst = tab.store.state.find("tasks", "t1") && shown(tab.store.state.entry("tasks", "t1"));
    await lead(tab, "2");
    expect(loads()).toBe(1);
    expect(shown(tab.store.state.entry("tasks", "t1"))).toBe(shownFirst);
    expect(tab.side.follows()[0]?.cursor).toBe(first.side.follows()[0]?.cursor);
  });

  it("is read again by who begins to lead where another tab has taken in a page, and by who looks whether it missed one", async () => {
    const storage = deaf();
    const first = await lead(await openTab(storage));
    const { open, loads } = counted(storage);
    const [follower, next] = [await openTab(open), await openTab(open)];
    await first.side.page(0, page([{ record: { title: "one" } }], 5, { snapshot: true, begins: true }), true);
    await follower.store.refresh();
    expect(shownOf(follower, "t1")).toEqual({ title: "one" });
    await first.side.page(0, page([{ set: { "/title": "two" } }], 6), false);
    await lead(next, "2");
    expect(shownOf(next, "t1")).toEqual({ title: "two" });
    expect(loads()).toBe(4);
  });

  it("keeps the object of a record that a snapshot shows as it was", async () => {
    const tab = await lead(await openTab(deaf()));
    await tab.side.page(0, page([{ record: { title: "one" } }], 5, { snapshot: true, begins: true }), true);
    const before = shown(tab.store.state.entry("tasks", "t1"));
    await tab.side.page(0, page([{ record: { title: "one" } }], 5, { snapshot: true, begins: true }), true);
    expect(shown(tab.store.state.entry("tasks", "t1"))).toBe(before);
  });
});

it("what became of an operation is not told where the step that says so was undone", async () => {
  const tab = await lead(await openTab(deaf()));
  const [one] = await edit(tab, "t1", { set: { "/title": "one" } });
  const [two] = await edit(tab, "t2", { set: { "/title": "two" } });
  const fine = answer(tab, one as number, { position: 5, version: "v5" });
  const odd = answer(tab, two as number, { position: 6, version: "v6", set: { "no path": 1 } });
  await expect(tab.side.settle([fine, odd], undefined)).rejects.toMatchObject({ code: "PATH_NO_LEADING_SLASH" });
  await edit(tab, "t3", { set: { "/title": "three" } });
  expect(tab.fates).toEqual([]);
  expect([...tab.store.state.queue.keys()].slice(0, 2)).toEqual([one, two]);
});
