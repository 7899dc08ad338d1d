/** A copy of what was not sent stands beside a place that the browser may lose as a whole. */

import { expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import { withCopy } from "../../src/storage/own.js";
import type { OpenStorage, Storage } from "../../src/storage/storage.js";
import { edit, lead, openTab, page, shownOf } from "../store/device.js";
import { contract } from "./contract.js";

/** Returns places with copies. */
function copied(places: OpenStorage, copies: OpenStorage): OpenStorage {
  return async (name) => withCopy(await places(name), await copies(name));
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
