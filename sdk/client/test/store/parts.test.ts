/** A page whose parts cannot be loaded any more: its server has newer ones. */

import { afterEach, expect, it, vi } from "vitest";
import { later } from "../../src/later.js";
import { edit, lead, openTab } from "./device.js";

afterEach(() => {
  vi.restoreAllMocks();
});

it("what compares cannot be loaded: nothing is said of the records, and the hub is asked for all of them", async () => {
  const tab = await lead(await openTab());
  await edit(tab, "t1", { set: { "/title": "waits" } });
  vi.spyOn(later, "check").mockRejectedValue(new TypeError("Failed to fetch dynamically imported module"));
  expect(await tab.side.holdings(0)).toEqual([]);
  expect(await tab.side.compare(0, "1:5", "0".repeat(32))).toBeUndefined();
  expect(await tab.side.sum(0)).toBeUndefined();
  expect([tab.side.repairs, tab.side.pending()]).toEqual([0, 1]);
});
