/** A device without room, a browser that empties places, a page of which parts do not arrive: what waits stays, or one is told. */

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Kind } from "../harness/browser.js";
import { type Scene, startScene } from "../harness/scene.js";
import { withBrowser } from "../harness/with-browser.js";

/** Room for some edits, in bytes. */
const ROOM = 2_000_000;

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

test("without room an edit is refused and not shown, those that wait stay, and all are sent once there is room", () =>
  withBrowser("chromium", async (browser) => {
    const network = await scene.anotherNetwork();
    network.set("cut");
    const tab = await browser.open(`${scene.pages.origin}/`);
    await tab.cdp("Storage.overrideQuotaForOrigin", { origin: scene.pages.origin, quotaSize: ROOM });
    await scene.open(tab, { name: "room", network });
    const full = await tab.run(async (room) => {
      // The browser compresses what it keeps; noise stays as it is.
      const noise = () => Array.from(crypto.getRandomValues(new Uint16Array(30_000)), (unit) => String.fromCharCode(0x4e00 + (unit % 0x5000))).join("");
      for (let edits = 0; edits < room / 30_000; edits++) {
        const code = await window.client.edit("notes", `room-${edits}`, (edit) => edit.set("/text", noise())).then(
          () => undefined,
          (error: { readonly code: string }) => error.code,
        );
        if (code !== undefined) return { code, edits, shown: Object.keys(window.page.shown("notes")).length, pending: window.client.status().pending };
      }
      return undefined;
    }, ROOM);
    expect(full).toEqual({ code: "CLIENT_STORE_FULL", edits: expect.any(Number), shown: full?.edits, pending: full?.edits });
    expect(full?.edits).toBeGreaterThan(2);

    // Nothing can be noted, not even what a hub has answered: what waits stays as it is.
    network.set("whole");
    await tab.run(() => window.page.until("the client has tried", () => window.client.status().network !== "offline"));
    await tab.cdp("Storage.overrideQuotaForOrigin", { origin: scene.pages.origin });
    await tab.run(() => window.page.until("everything was sent", () => window.client.status().pending === 0));
    for (let edit = 0; edit < (full?.edits ?? 0); edit++) expect(await scene.record("notes", `room-${edit}`), `edit ${edit}`).toBeDefined();
    expect(await scene.record("notes", `room-${full?.edits}`)).toBeUndefined();
    const after = await tab.run(async () => {
      const edited = await window.client.edit("notes", "room-again", (edit) => edit.set("/text", "there is room"));
      return window.client.settled(edited);
    });
    expect(after).toMatchObject({ status: "applied" });
  }));

test("a place that the browser empties is told, and what the hub has is there again under another client", () =>
  withBrowser("chromium", async (browser) => {
    const page = `${scene.pages.origin}/`;
    const tab = await browser.open(page);
    await scene.open(tab, { name: "evicted" });
    const before = await tab.run(async () => {
      await window.client.settled(await window.client.edit("notes", "kept", (edit) => edit.increment("/edits")));
      const notices: string[] = [];
      Object.assign(window, { notices });
      window.client.onNotice((notice) => notices.push(notice.kind === "problem" ? notice.code : notice.kind));
      return window.client.id;
    });
    await tab.cdp("Storage.clearDataForOrigin", { origin: scene.pages.origin, storageTypes: "indexeddb" });
    await tab.run(() => window.page.until("the page is told", () => (window as unknown as { readonly notices: readonly string[] }).notices.includes("CLIENT_STORE_EVICTED")));
    const refused = tab.run(() => window.client.edit("notes", "kept", (edit) => edit.increment("/edits")));
    await expect(refused, "an edit that nothing keeps is not taken").rejects.toMatchObject({ code: "CLIENT_CLOSED" });

    await tab.go(page);
    await scene.open(tab, { name: "evicted" });
    const after = await tab.run(async () => {
      await window.client.sync();
      await window.client.settled(await window.client.edit("notes", "kept", (edit) => edit.increment("/edits")));
      return window.client.id;
    });
    expect(after, "counters that may have been used are not used again").not.toBe(before);
    expect(await scene.record("notes", "kept")).toEqual({ edits: 2 });
  }));

test("chromium: what was not sent comes back when the database of its place is lost, and does not after a logout", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${scene.pages.origin}/`);
    const found = await tab.run(async () => {
      const name = "copied";
      const losePlace = (): Promise<void> =>
        new Promise((resolve, reject) => {
          const request = indexedDB.deleteDatabase(`syncline:${name}`);
          request.onsuccess = () => resolve();
          request.onblocked = request.onerror = () => reject(new Error("the place could not be removed"));
        });
      const opened = async (): Promise<{ readonly id: string; readonly ids: string[]; readonly pending: number }> => {
        await window.page.open({ name });
        return { id: window.client.id, ids: Object.keys(window.page.shown("notes")), pending: window.client.status().pending };
      };
      const first = await opened();
      await window.client.edit("notes", "one", (edit) => edit.set("/a", 1));
      await window.client.close();
      await losePlace();
      const copied = await opened();
      await window.client.edit("notes", "two", (edit) => edit.set("/a", 2));
      await window.client.close();
      await losePlace();
      const again = await opened();
      await window.client.logout();
      return { first, copied, again, after: await opened() };
    });
    expect(found.copied).toEqual({ id: found.first.id, ids: ["one"], pending: 1 });
    expect(found.again).toEqual({ id: found.first.id, ids: ["one", "two"], pending: 2 });
    expect(found.after).toEqual({ id: expect.any(String), ids: [], pending: 0 });
    expect(found.after.id).not.toBe(found.first.id);
  }));

test.each<Kind>(["chromium", "firefox"])("%s: a part of the page that did not arrive is told of, and what waits is sent once it did", (kind) =>
  withBrowser(kind, async (browser) => {
    const id = `late-${kind}`;
    const page = `${scene.pages.origin}/`;
    const tab = await browser.open(page);
    // All that is loaded later: what there is for a page that lost its network right after it was shown.
    scene.pages.withhold(/^\/assets\//);
    try {
      await scene.open(tab, { name: id });
      await tab.run(async (id) => {
        let isTold = false;
        window.client.onNotice(({ kind }) => (isTold ||= kind === "problem"));
        await window.client.edit("notes", id, (edit) => edit.set("/title", "made early"));
        await window.page.until("it is told", () => isTold);
      }, id);
      expect(await scene.record("notes", id)).toBeUndefined();
    } finally {
      scene.pages.withhold();
    }
    // Firefox takes what did not arrive once as not there for as long as the page is shown.
    if (kind === "firefox") {
      await tab.go(page);
      await scene.open(tab, { name: id });
    }
    await tab.run(() => window.page.until("it was sent", () => window.client.status().pending === 0));
    expect(await scene.record("notes", id)).toEqual({ title: "made early" });
  }),
);
