/** Wiped persistence: the browser empties what a site has stored, and the client says so and goes on. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { startScene, type Scene } from "../harness/scene.js";
import { withBrowser } from "../harness/with-browser.js";

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

test("wiped persistence is told, the client goes on under a new name, and the records come from the hub again", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(`${scene.pages.origin}/`);
    await scene.open(tab);
    const before = await tab.run(async () => {
      await window.client.settled(await window.client.edit("notes", "n-1", (edit) => edit.set("/title", "on the hub")));
      const { id } = window.client;
      await window.client.close();
      return id;
    });
    await tab.cdp("Storage.clearDataForOrigin", { origin: scene.pages.origin, storageTypes: "indexeddb" });
    // The page listens as an app does: once it has the client.
    await scene.open(tab);
    const after = await tab.run(async () => {
      const codes: string[] = [];
      window.client.onNotice((notice) => {
        if (notice.kind === "problem") codes.push(notice.code);
      });
      await window.page.until("it is told", () => codes.includes("CLIENT_STORE_EVICTED"));
      await window.page.until("the record is there again", () => window.client.get("notes", "n-1") !== undefined);
      await window.client.settled(await window.client.edit("notes", "n-1", (edit) => edit.set("/title", "edited afterwards")));
      const { id } = window.client;
      await window.client.close();
      return { id, codes };
    });
    expect(after.codes.filter((code) => code === "CLIENT_STORE_EVICTED")).toHaveLength(1);
    expect(after.id).not.toBe(before);
    expect(await scene.record("notes", "n-1")).toEqual({ title: "edited afterwards" });
    // A logout empties it as well, on purpose: that is no eviction.
    await scene.open(tab);
    await tab.run(() => window.client.logout());
    await scene.open(tab);
    const quiet = await tab.run(async () => {
      const codes: string[] = [];
      window.client.onNotice((notice) => {
        if (notice.kind === "problem") codes.push(notice.code);
      });
      await window.page.until("it is up to date", () => window.client.status().network === "up-to-date");
      return { codes, durability: window.client.status().durability };
    });
    expect(quiet).toEqual({ codes: [], durability: "best-effort" });
  }));
