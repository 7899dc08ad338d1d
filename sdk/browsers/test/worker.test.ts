/** A service worker sends what waits, whether a tab is open or not. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../harness/browser.js";
import { startScene, type Scene } from "../harness/scene.js";
import type { Tab } from "../harness/tab.js";
import { withBrowser } from "../harness/with-browser.js";

/** How long a worker may take, in milliseconds. */
const WAIT_MS_MAX = 120_000;

let scene: Scene;
let address: string;
beforeAll(async () => {
  scene = await startScene();
  const { token } = await scene.hub.issue();
  address = `/service-worker.js?${new URLSearchParams({ url: scene.network.url, token }).toString()}`;
});
afterAll(() => scene.close());

/** Registers the worker, and waits until it runs. */
async function register(tab: Tab): Promise<void> {
  await tab.run(async (address) => {
    await navigator.serviceWorker.register(address, { type: "classic" });
    await navigator.serviceWorker.ready;
  }, address);
}

/** Waits until the hub has a record. */
async function arrived(id: string): Promise<unknown> {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const record = await scene.record("notes", id);
    if (record !== undefined) return record;
    if (Date.now() > end) throw new Error("the hub never had the record");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("chromium: the browser wakes the worker by itself, which sends what a tab cannot", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${scene.pages.origin}/`);
    await register(tab);
    // A tab that knows no hub: only the worker reaches one.
    await scene.open(tab, { name: "woken", network: null });
    await tab.run(async () => {
      const { keepSending } = await window.page.worker();
      keepSending(window.client, "woken");
      await window.client.edit("notes", "woken", (edit) => edit.set("/title", "sent by the worker"));
    });
    expect(await arrived("woken")).toEqual({ title: "sent by the worker" });
    await tab.run(() => window.page.until("the tab learns of it", () => window.client.status().pending === 0));
    expect(await tab.run(() => window.client.get("notes", "woken")?.pending)).toBe(false);
  }));

test("chromium: an edit that takes its time to be kept is sent by the worker as well, and not put off by it", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${scene.pages.origin}/`);
    await register(tab);
    await tab.run(async () => {
      // A disk that has much else to do.
      const slow: typeof window.page.indexeddb = (facts) => async (name) => {
        const place = await window.page.indexeddb(facts)(name);
        return {
          ...place,
          commit: async (batch) => {
            await new Promise((resolve) => setTimeout(resolve, 300));
            return place.commit(batch);
          },
        };
      };
      window.client = await window.page.syncline.open({ name: "slow", storage: slow() });
      const { keepSending } = await window.page.worker();
      keepSending(window.client, "slow");
      await window.client.edit("notes", "slow", (edit) => edit.set("/title", "kept slowly"));
    });
    expect(await arrived("slow")).toEqual({ title: "kept slowly" });
    await tab.run(() => window.page.until("the tab learns of it", () => window.client.status().pending === 0));
  }));

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("the worker sends what a closed tab has left, and asks the tab that leads where there is one", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${scene.pages.origin}/`);
      await register(tab);
      const name = `left-${kind}`;
      await scene.open(tab, { name, network: null });
      await tab.run(async (id) => {
        await window.client.edit("notes", id, (edit) => edit.increment("/edits"));
        await window.client.close();
      }, name);
      const wake = (name: string): Promise<void> =>
        tab.run(async (name) => {
          const { active } = await navigator.serviceWorker.ready;
          active?.postMessage(`syncline:${name}`);
        }, name);
      await wake(name);
      expect(await arrived(name)).toEqual({ edits: 1 });
      // Now a tab leads, which connects only if it is asked to.
      const led = `led-${kind}`;
      await scene.open(tab, { name: led });
      await tab.run(async (id) => {
        await window.page.until("it leads", () => window.client.status().isLeader);
        window.client.setStrategy({ kind: "event-driven" });
        await window.client.edit("notes", id, (edit) => edit.increment("/edits"));
      }, led);
      await wake(led);
      expect(await arrived(led)).toEqual({ edits: 1 });
      expect(await tab.run(() => window.client.status().isLeader)).toBe(true);
    }));
});
