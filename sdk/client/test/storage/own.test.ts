/** A copy of what was not sent stands beside a place that the browser may lose as a whole. */

import { expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import { withCopy } from "../../src/storage/own.js";
import type { OpenStorage, Storage } from "../../src/storage/storage.js";
import { edit, lead, openTab, page, shownOf } from "../store/device.js";
import { contract } from "./contract.js";

/** Returns places with copies. */
function copied(places: OpenStorage, copies: OpenStorage): OpenStorage {
  return async (name) => withCopy(await places(name), () => copies(name));
}

/** Has a browser lose a place. */
async function wipe(place: Storage): Promise<void> {
  await place.destroy();
}

contract("a place with a copy", () => ({ open: copied(memory(), memory()), isKept: true }));

it("what was not sent is there although the place was lost, under its counters; what the hub sends again is not", async () => {
  const [places, copies] = [memory(), memory()];
  const tab = await lead(await openTab(copied(places, copies)));
  await tab.side.page(0, page([{ id: "t1", record: { a: 1 } }], 5, { snapshot: true, begins: true }), true);
  const [one] = await edit(tab, "t1", { set: { "/a": 2 } });
  const [two] = await edit(tab, "t2", { inc: { "/n": 1 } });
  const { client } = tab.store;
  await tab.store.close();
  await wipe(await places("device"));

  const again = await lead(await openTab(copied(places, copies)), "7");
  expect(again.store.client).toBe(client);
  expect(again.side.waiting(0, 10).map(({ operation }) => operation.op)).toEqual([one, two]);
  expect(shownOf(again, "t2")).toEqual({ n: 1 });
  expect(again.side.follows()[0]?.cursor).toBeUndefined();
  const [three] = await edit(again, "t3", { set: { "/a": 1 } });
  // The copy may have been behind: no counter that may have been given since is given again.
  expect(three).toBeGreaterThan((two as number) + 100_000);
});

it("without the copy it would be lost", async () => {
  const places = memory();
  const tab = await openTab(places);
  await edit(tab, "t1", { set: { "/a": 2 } });
  await tab.store.close();
  await wipe(await places("device"));
  expect((await openTab(places)).store.pending).toBe(0);
});

it("a copy that cannot be written holds up nothing, and who logs out leaves none", async () => {
  const copies = memory();
  const failing: OpenStorage = async (name) => ({ ...(await copies(name)), commit: () => Promise.reject(new Error("no room")) });
  const tab = await openTab(copied(memory(), failing));
  await edit(tab, "t1", { set: { "/a": 2 } });
  expect(shownOf(tab, "t1")).toEqual({ a: 2 });

  const other = await openTab(copied(memory(), copies));
  await edit(other, "t1", { set: { "/a": 2 } });
  await other.store.destroy();
  for (const rows of (await (await copies("device")).load()).values()) expect(rows.size).toBe(0);
});

it("a copy that comes to a place which was there before has all that waits in it", async () => {
  const [places, copies] = [memory(), memory()];
  const before = await openTab(places);
  const [one] = await edit(before, "t1", { set: { "/a": 1 } });
  await before.store.close();
  const tab = await openTab(copied(places, copies));
  const [two] = await edit(tab, "t2", { set: { "/a": 2 } });
  await tab.store.close();
  await wipe(await places("device"));

  const again = await openTab(copied(places, copies));
  expect(again.store.client).toBe(tab.store.client);
  expect([...again.store.state.queue.keys()]).toEqual([one, two]);
});

it("a copy has nothing of another client that was in the place", async () => {
  const [places, copies] = [memory(), memory()];
  const other = await openTab(copies);
  await edit(other, "t9", { set: { "/a": 9 } });
  const before = await openTab(places);
  await before.store.close();
  const tab = await openTab(copied(places, copies));
  const [one] = await edit(tab, "t1", { set: { "/a": 1 } });
  await tab.store.close();
  await wipe(await places("device"));

  const again = await openTab(copied(places, copies));
  expect(again.store.client).toBe(tab.store.client);
  expect([...again.store.state.queue.keys()]).toEqual([one]);
});

it("what could not be copied is copied with what comes next", async () => {
  const [places, copies] = [memory(), memory()];
  let isFull = false;
  const failing: OpenStorage = async (name) => {
    const copy = await copies(name);
    return { ...copy, commit: (batch) => (isFull ? Promise.reject(new Error("no room")) : copy.commit(batch)) };
  };
  const tab = await openTab(copied(places, failing));
  isFull = true;
  const [one] = await edit(tab, "t1", { set: { "/a": 1 } });
  isFull = false;
  const [two] = await edit(tab, "t2", { set: { "/a": 2 } });
  await tab.store.close();
  await wipe(await places("device"));
  expect([...(await openTab(copied(places, copies))).store.state.queue.keys()]).toEqual([one, two]);
});

it("a copy that the browser takes away is made anew with the next edit, and nobody who logs out is held up by it", async () => {
  const [places, copies] = [memory(), memory()];
  const handles: Storage[] = [];
  const handed: OpenStorage = async (name) => {
    const handle = await copies(name);
    handles.push(handle);
    return handle;
  };
  const takeAway = async (): Promise<void> => {
    await (await copies("device")).destroy();
    handles.forEach((handle) => handle.close());
  };
  const tab = await openTab(copied(places, handed));
  const [one] = await edit(tab, "t1", { set: { "/a": 1 } });
  await takeAway();
  const [two] = await edit(tab, "t2", { set: { "/a": 2 } });
  const [three] = await edit(tab, "t3", { set: { "/a": 3 } });
  expect([...((await (await copies("device")).load()).get("queue")?.keys() ?? [])].map(Number)).toEqual([one, two, three]);
  await takeAway();
  await tab.store.destroy();
  expect((await openTab(copied(places, copies))).store.pending).toBe(0);
});

it("a copy that cannot be opened holds up neither opening nor edits", async () => {
  const tab = await openTab(async (name) => withCopy(await memory()(name), () => Promise.reject(new Error("no bucket"))));
  await edit(tab, "t1", { set: { "/a": 1 } });
  expect(shownOf(tab, "t1")).toEqual({ a: 1 });
  await tab.store.close();
});

it("who logs out is told where a copy could not be removed, and once it could finds nothing of it", async () => {
  const [places, copies] = [memory(), memory()];
  const first = await openTab(copied(places, copies));
  await edit(first, "t1", { set: { "/a": 1 } });
  await first.store.close();
  // Of the copy nothing is to be had in this session, until the end of it.
  let isThere = false;
  const tab = await openTab(async (name) => withCopy(await places(name), () => (isThere ? copies(name) : Promise.reject(new Error("no bucket")))));
  await expect(tab.store.destroy()).rejects.toThrow("no bucket");
  isThere = true;
  await tab.store.destroy();
  const again = await openTab(copied(places, copies));
  expect(again.store.pending).toBe(0);
  expect(again.store.client).not.toBe(first.store.client);
});
