/** What the harness does to tabs and networks is what it says. */

import { connect } from "node:net";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Pages, servePages } from "../harness/pages.js";
import { until } from "../harness/process.js";
import { type Condition, startProxy } from "../harness/proxy.js";
import { withBrowser } from "../harness/with-browser.js";

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

test("a frozen tab says nothing, keeps its lock from the others, and goes on once it is thawed", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${pages.origin}/`, "window");
    const other = await browser.open(`${pages.origin}/`, "window");
    await tab.run(() => {
      void navigator.locks.request("a lock", () => new Promise(() => undefined));
      const channel = new BroadcastChannel("signs of life");
      setInterval(() => channel.postMessage("alive"), 5);
    });
    const hear = (): Promise<readonly [number, boolean]> =>
      other.run(async () => {
        let signs = 0;
        const channel = new BroadcastChannel("signs of life");
        channel.onmessage = () => void signs++;
        await new Promise((resolve) => setTimeout(resolve, 300));
        channel.close();
        return [signs, await navigator.locks.request("a lock", { ifAvailable: true }, (lock) => lock === null)] as const;
      });
    /** Listens until a tab is heard, or is not, and answers whether the lock is held then: what was said before may still be on its way. */
    const isHeldOnce = async (isHeard: boolean): Promise<boolean> => {
      let isHeld = false;
      await until(isHeard ? "the tab is heard" : "the tab says nothing", async () => {
        const [signs, isHeldNow] = await hear();
        isHeld = isHeldNow;
        return signs > 0 === isHeard;
      });
      return isHeld;
    };
    const isHeldBefore = await isHeldOnce(true);
    await tab.setFrozen(true);
    const isHeldFrozen = await isHeldOnce(false);
    await tab.setFrozen(false);
    const isHeldThawed = await isHeldOnce(true);
    expect([isHeldBefore, isHeldFrozen, isHeldThawed], "the lock is held").toEqual([true, true, true]);
  }));

test("a killed tab is gone with its locks, and the others run on", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${pages.origin}/`, "window");
    const other = await browser.open(`${pages.origin}/`, "window");
    await tab.run(() => void navigator.locks.request("a lock", () => new Promise(() => undefined)));
    await tab.kill();
    expect(await other.run(() => navigator.locks.request("a lock", (lock) => lock !== null))).toBe(true);
  }));

test("a network passes bytes when it is whole, none when it is silent, and refuses when it is cut", async () => {
  const server = createServer((_, response) => response.end("answer"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const network = await startProxy(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  const ask = (waitMs: number): Promise<string> =>
    fetch(network.url, { signal: AbortSignal.timeout(waitMs), headers: { connection: "close" } }).then(
      (response) => response.text(),
      (error: Error) => error.name,
    );
  const cases: readonly (readonly [Condition, string])[] = [
    ["whole", "answer"],
    ["silent", "TimeoutError"],
    ["whole", "answer"],
    ["cut", "TypeError"],
    ["whole", "answer"],
  ];
  for (const [condition, expected] of cases) {
    network.set(condition);
    // Only silence is waited for; an answer may take its time.
    expect(await ask(condition === "silent" ? 300 : 60_000), condition).toBe(expected);
  }
  const socket = connect(Number(new URL(network.url).port), "127.0.0.1").on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  network.set("cut");
  await new Promise((resolve) => socket.once("close", resolve));
  await network.close();
  server.closeAllConnections();
  server.close();
});
