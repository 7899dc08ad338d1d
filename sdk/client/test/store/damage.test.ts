/** What is kept and cannot be read, and what would pile up. */

import { describe, expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage, Table } from "../../src/storage/storage.js";
import { edit, lead, openTab, page, shownOf } from "./device.js";

/** A place with records and edits in it, into which a test has written something. */
async function damaged(rows: readonly (readonly [Table, string, string])[]): Promise<OpenStorage> {
  const storage = memory();
  const tab = await lead(await openTab(storage));
  await tab.side.page(0, page([{ id: "t1", record: { title: "one", body: "text" } }], 5, { snapshot: true, begins: true }), true);
  await edit(tab, "t1", { set: { "/title": "two" } });
  await edit(tab, "t1", { text: { "/body": [4, "!"] } });
  await tab.store.close();
  const place = await storage("device");
  await place.commit({ put: rows });
  place.close();
  return storage;
}

describe("a row that cannot be read", () => {
  const rows: [string, Table, string][] = [
    ["of the queue", "queue", "2"],
    ["of what is kept for a restored hub", "kept", "1"],
    ["of the texts that edits were made for", "anchors", "tasks\0t1"],
  ];
  for (const row of ["", "{", "7", "null", '"text"']) {
    it.each(rows)(`%s, as ${JSON.stringify(row)}, is said to be damaged, and nothing is changed`, async (_, table, key) => {
      const storage = await damaged([[table, key, row]]);
      await expect(openTab(storage)).rejects.toMatchObject({ code: "CLIENT_STORE_DAMAGED" });
      const place = await storage("device");
      expect((await place.load()).get(table)?.get(key)).toBe(row);
    });

    it(`of a record, as ${JSON.stringify(row)}, is as good as none: the hub tells it again, and edits stay`, async () => {
      const tab = await openTab(await damaged([["records", "tasks\0t1", row]]));
      expect(shownOf(tab, "t1")).toMatchObject({ title: "two" });
      expect(tab.store.pending).toBe(2);
    });
  }
});

describe("deleted records", () => {
  it("are remembered up to a bound, the last ones", async () => {
    const storage = memory();
    const tab = await lead(await openTab(storage));
    await tab.side.page(0, page([], 1, { snapshot: true, begins: true }), true);
    for (let at = 0; at < 12; at += 1) {
      const changes = Array.from({ length: 1_000 }, (_, n) => ({ id: `t${at}-${n}`, gone: "deleted" as const, position: 2 + at }));
      await tab.side.page(0, page(changes, 2 + at), false);
    }
    await tab.store.close();
    const again = await lead(await openTab(storage), "2");
    const kept = [...again.store.state.entries()];
    expect(kept.length).toBeLessThanOrEqual(10_000);
    expect(kept.some(({ id }) => id === "t11-999")).toBe(true);
    expect(kept.some(({ id }) => id === "t0-0")).toBe(false);
  });
});
