/** What the other tests stand on. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../harness/browser.js";
import { type Pages, servePages } from "../harness/pages.js";
import { withBrowser } from "../harness/with-browser.js";

const DAY_MS = 86_400_000;
/** How late a module comes that a module of a page imports: later than WebKit says that the page is there. */
const LATE_MS = 300;

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

describe.each<Kind>(["chromium", "firefox", "webkit"])("%s", (kind) => {
  test("a function runs in a tab and its error comes back, what the client stands on is there, and a clock is off when told to be", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      expect(await tab.run(async (a, b) => (await Promise.resolve(a)) + b, 1, 2)).toBe(3);
      const refused = tab.run(() => {
        throw Object.assign(new Error("no"), { code: "CLIENT_CODE" });
      });
      await expect(refused).rejects.toMatchObject({ code: "CLIENT_CODE" });

      const found = await tab.run(() => [isSecureContext, "locks" in navigator, "BroadcastChannel" in window, "indexedDB" in window, "serviceWorker" in navigator]);
      expect(found).toEqual([true, true, true, true, true]);

      await tab.go(`${pages.origin}/?clock=${DAY_MS}`);
      const seen = await tab.run(() => [Date.now(), new Date().getTime(), new Date(0).getTime()] as const);
      const days = seen.map((time) => Math.round((time - Date.now()) / DAY_MS));
      expect([days[0], days[1], seen[2]]).toEqual([1, 1, 0]);
    }));

  test("a page has run its modules when a tab is at it, however late they come", async () => {
    const server = createServer(({ url }, response) => {
      const answer = (kind: string, text: string) => void response.writeHead(200, { "content-type": kind }).end(text);
      if (url === "/late.js") setTimeout(() => answer("text/javascript", "export const isRun = true;"), LATE_MS);
      else if (url === "/page.js") answer("text/javascript", `import { isRun } from "/late.js"; window.isRun = isRun;`);
      else answer("text/html", `<!doctype html><title>Late</title><script type="module" src="/page.js"></script>`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await withBrowser(kind, async (browser) => {
        const tab = await browser.open(`http://127.0.0.1:${port}/`);
        const first = await tab.run(() => "isRun" in window);
        await tab.go(`http://127.0.0.1:${port}/again`);
        expect([first, await tab.run(() => "isRun" in window)]).toEqual([true, true]);
      });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
