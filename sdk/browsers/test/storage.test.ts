/** The browser's own database: the contract of places, a kill, a full disk, an eviction. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RULES } from "../../client/test/storage/contract.js";
import { Browser, type Kind } from "../harness/browser.js";
import { type Pages, servePages } from "../harness/pages.js";
import { until } from "../harness/process.js";
import { randomFrom } from "../harness/random.js";
import { withBrowser, withProfile } from "../harness/with-browser.js";

/** Kills of the browser while it writes; a start of Firefox takes five times as long. */
const KILLS: Readonly<Record<Kind, number>> = { chromium: 5, firefox: 2, webkit: 0 };
/** Longest that it writes before one. */
const WRITES_MS_MAX = 300;

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

describe.each<Kind>(["chromium", "firefox", "webkit"])("%s", (kind) => {
  test("keeps to the contract of places", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      const broken = await tab.run(async () => {
        const { RULES } = await window.page.contract();
        const broken: string[] = [];
        for (const [name, rule] of Object.entries(RULES)) {
          const kind = { open: window.page.indexeddb(), isKept: true };
          await rule(kind, `place of ${name}`).catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
        }
        // A rule that is broken on purpose shows that breaking is seen.
        const planted = RULES["what was committed is there after a reopening, and nothing of another name"];
        const forgetful = { open: window.page.indexeddb(), isKept: false };
        await planted?.(forgetful, "a place that forgets").then(
          () => broken.push("nothing is ever broken"),
          () => undefined,
        );
        return [Object.keys(RULES).length, broken] as const;
      });
      expect(broken).toEqual([Object.keys(RULES).length, []]);
    }));
});

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("keeps what it has answered over kills, and batches whole", () =>
    withProfile(async (profile) => {
      const kills = KILLS[kind];
      const random = randomFrom(1);
      const toldBefore = pages.told.length;
      let rows: readonly string[] = [];
      for (let kill = 0; kill <= kills; kill++) {
        const browser = await Browser.start(kind, profile);
        const tab = await browser.open(`${pages.origin}/`);
        const held = await tab.run(async () => {
          const storage = await window.page.indexeddb()("notes");
          const loaded = await storage.load();
          const keys = (table: "queue" | "records") => [...(loaded.get(table)?.keys() ?? [])];
          return { queue: keys("queue"), records: keys("records") };
        });
        expect(held.queue, "a batch is there as a whole or not at all").toEqual(held.records);
        rows = held.queue;
        const lost = pages.told.slice(toldBefore).filter((row) => !rows.includes(row));
        expect(lost, `after kill ${kill}`).toEqual([]);
        if (kill === kills) {
          await browser.close();
          break;
        }
        await tab.run(async (from) => {
          const storage = await window.page.indexeddb()("notes");
          const write = async (): Promise<never> => {
            for (let at = from; ; at++) {
              const key = String(at).padStart(6, "0");
              await storage.commit({ put: [["queue", key, "x".repeat(1000)], ["records", key, ""]] });
              await window.page.tell(key);
            }
          };
          void write();
        }, rows.length);
        // Every second life has kept something before it is killed, however slow the machine is; the others are killed whenever it is.
        const told = pages.told.length;
        if (kill % 2 === 0) await until("something is kept", () => pages.told.length > told);
        await new Promise((resolve) => setTimeout(resolve, random() * WRITES_MS_MAX));
        await browser.kill();
      }
      expect(rows.length, "something was written").toBeGreaterThanOrEqual(Math.ceil(kills / 2));
    }));
});

describe("chromium", () => {
  test("a place without room says so, keeps what it has, and writes again once there is room", () =>
    withBrowser("chromium", async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      // Before the place is opened: the browser goes by the room that it saw for half a minute.
      await tab.cdp("Storage.overrideQuotaForOrigin", { origin: pages.origin, quotaSize: 1_000_000 });
      await tab.run(async () => {
        const storage = await window.page.indexeddb()("notes");
        await storage.commit({ put: [["queue", "first", "row"]] });
      });
      const full = await tab.run(async () => {
        const storage = await window.page.indexeddb()("notes");
        // The browser compresses what it keeps; noise stays as it is.
        const noise = () => Array.from({ length: 4 }, () => String.fromCharCode(...crypto.getRandomValues(new Uint8Array(50_000)))).join("");
        for (let at = 0; at < 50; at++) {
          const code = await storage.commit({ put: [["records", String(at), noise()], ["queue", "second", ""]] }).then(
            () => undefined,
            (error: { code: string }) => error.code,
          );
          if (code !== undefined) return { code, at, queue: [...((await storage.load()).get("queue") ?? [])] };
          await storage.commit({ remove: [["queue", "second"]] });
        }
        return undefined;
      });
      expect(full).toMatchObject({ code: "CLIENT_STORE_FULL", queue: [["first", "row"]] });
      await tab.cdp("Storage.overrideQuotaForOrigin", { origin: pages.origin });
      const isWritten = await tab.run(async () => {
        const storage = await window.page.indexeddb()("notes");
        return storage.commit({ put: [["queue", "second", "row"]] });
      });
      expect(isWritten).toBe(true);
    }));

  test("a place that the browser empties is told to be gone, and begins anew", () =>
    withBrowser("chromium", async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      await tab.run(async () => {
        const storage = await window.page.indexeddb()("notes");
        await storage.commit({ put: [["queue", "first", "row"]] });
        void storage.gone?.then(() => (document.title = "gone"));
      });
      await tab.cdp("Storage.clearDataForOrigin", { origin: pages.origin, storageTypes: "indexeddb" });
      const after = await tab.run(async () => {
        while (document.title !== "gone") await new Promise((resolve) => setTimeout(resolve, 10));
        const storage = await window.page.indexeddb()("notes");
        return [...((await storage.load()).get("queue") ?? [])];
      });
      expect(after).toEqual([]);
    }));
});
