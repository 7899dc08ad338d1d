/** One page and its edits: without a network, over a reload, with a clock that is off. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../harness/browser.js";
import { type Scene, startScene } from "../harness/scene.js";
import { withBrowser } from "../harness/with-browser.js";

const DAY_MS = 86_400_000;

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

describe.each<Kind>(["chromium", "firefox", "webkit"])("%s", (kind) => {
  test("edits made offline are shown at once, are there after a reload, and reach the hub once there is a network", () =>
    withBrowser(kind, async (browser) => {
      const id = `offline-${kind}`;
      const page = `${scene.pages.origin}/`;
      const tab = await browser.open(page);
      const network = await scene.anotherNetwork();
      await scene.open(tab, { network });
      await tab.run(() => window.client.sync());
      network.set("cut");
      const shown = await tab.run(async (id) => {
        await window.client.edit("notes", id, (edit) => edit.set("/title", "Milk").increment("/likes", 2).addToSet("/tags", "shop"));
        await window.client.edit("notes", id, (edit) => edit.set("/title", "Milk and honey").increment("/likes"));
        const { value, pending } = window.client.get("notes", id) ?? {};
        return { value, pending, waiting: window.client.status().pending };
      }, id);
      const value = { title: "Milk and honey", likes: 3, tags: ["shop"] };
      expect(shown).toEqual({ value, pending: true, waiting: 2 });

      await tab.go(page);
      await scene.open(tab, { network });
      const after = await tab.run((id) => ({ ...window.client.get("notes", id), waiting: window.client.status().pending }), id);
      expect(after).toMatchObject({ value, pending: true, waiting: 2 });
      expect(await scene.record("notes", id)).toBeUndefined();

      network.set("whole");
      await tab.run(() => window.page.until("everything was sent", () => window.client.status().pending === 0));
      expect(await scene.record("notes", id)).toEqual(value);
      expect(await tab.run((id) => window.client.get("notes", id), id)).toMatchObject({ value, pending: false });
    }));
});

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("a page whose clock is a day off, either way, loses nothing and wins over nobody who has seen its edit", () =>
    withBrowser(kind, async (browser) => {
      for (const shift of [DAY_MS, -DAY_MS]) {
        const id = `clock-${kind}-${shift > 0 ? "ahead" : "behind"}`;
        const off = await browser.open(`${scene.pages.origin}/?clock=${shift}`, "window");
        const right = await browser.open(`${scene.pages.origin}/`, "window");
        await scene.open(off, { name: `${id}-off` });
        await scene.open(right, { name: `${id}-right` });
        const edit = async (title: string, id: string): Promise<void> => {
          const edited = await window.client.edit("notes", id, (edit) => edit.set("/title", title).increment("/edits"));
          const { status } = await window.client.settled(edited);
          if (status !== "applied") throw new Error(`the edit was ${status}`);
        };
        const see = (title: string, id: string): Promise<void> => window.page.until(`the title is ${title}`, () => window.client.get("notes", id)?.value["title"] === title);
        await off.run(edit, "first", id);
        await right.run(see, "first", id);
        await right.run(edit, "second", id);
        await off.run(see, "second", id);
        await off.run(edit, "third", id);
        await right.run(see, "third", id);
        expect(await scene.record("notes", id)).toEqual({ title: "third", edits: 3 });
      }
    }));
});
