/** What the other tests stand on. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../harness/browser.js";
import { type Pages, servePages } from "../harness/pages.js";
import { withBrowser } from "../harness/with-browser.js";

const DAY_MS = 86_400_000;

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

describe.each<Kind>(["chromium", "firefox", "webkit"])("%s", (kind) => {
  test("a function runs in a tab, and its error comes back with its code", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      expect(await tab.run(async (a, b) => (await Promise.resolve(a)) + b, 1, 2)).toBe(3);
      const refused = tab.run(() => {
        throw Object.assign(new Error("no"), { code: "CLIENT_CODE" });
      });
      await expect(refused).rejects.toMatchObject({ code: "CLIENT_CODE" });
      expect(await tab.run(() => typeof window.page.syncline.SynclineError)).toBe("function");
    }));

  test("what the client stands on is there", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      const found = await tab.run(() => [isSecureContext, "locks" in navigator, "BroadcastChannel" in window, "indexedDB" in window, "serviceWorker" in navigator]);
      expect(found).toEqual([true, true, true, true, true]);
    }));

  test("the clock of a page is off by a day when it is told to", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/?clock=${DAY_MS}`);
      const seen = await tab.run(() => [Date.now(), new Date().getTime(), new Date(0).getTime()]);
      expect(Math.round(((seen[0] ?? 0) - Date.now()) / DAY_MS)).toBe(1);
      expect(Math.round(((seen[1] ?? 0) - Date.now()) / DAY_MS)).toBe(1);
      expect(seen[2]).toBe(0);
    }));
});
