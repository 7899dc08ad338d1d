/** Several tabs of one browser: one of them leads, and none of them waits for a server to see what another has written. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Kind } from "../harness/browser.js";
import { type Opening, type Scene, startScene } from "../harness/scene.js";
import type { Tab } from "../harness/tab.js";
import { withBrowser } from "../harness/with-browser.js";

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

/** Opens tabs of one place; the first of them leads before the others are there. */
async function openTabs(browser: Browser, count: number, opening: Opening): Promise<readonly Tab[]> {
  const tabs: Tab[] = [];
  for (let at = 0; at < count; at++) {
    const tab = await browser.open(`${scene.pages.origin}/`, "window");
    await scene.open(tab, opening);
    if (at === 0) await tab.run(() => window.page.until("it leads", () => window.client.status().isLeader));
    tabs.push(tab);
  }
  return tabs;
}

/** Returns which tabs believe that they lead. */
async function leaders(tabs: readonly Tab[]): Promise<readonly number[]> {
  const believe = await Promise.all(tabs.map((tab) => tab.run(() => window.client.status().isLeader)));
  return believe.flatMap((leads, at) => (leads ? [at] : []));
}

const add = (id: string, by: string): Promise<unknown> => window.client.edit("notes", id, (edit) => edit.addToSet("/by", by).increment("/edits"));
const seen = (id: string, edits: number): Promise<void> => window.page.until(`${edits} edits are shown`, () => window.client.get("notes", id)?.value["edits"] === edits);
const sent = (): Promise<void> => window.page.until("everything was sent", () => window.client.status().pending === 0);

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("two tabs without a network show each other's edits, and one of them sends both once there is one", () =>
    withBrowser(kind, async (browser) => {
      const id = `two-${kind}`;
      const network = await scene.anotherNetwork();
      network.set("cut");
      const [first, second] = await openTabs(browser, 2, { network });
      if (first === undefined || second === undefined) throw new Error("there are two");
      await first.run(add, id, "first");
      await second.run(seen, id, 1);
      await second.run(add, id, "second");
      await first.run(seen, id, 2);
      network.set("whole");
      await first.run(sent);
      await second.run(sent);
      expect(await scene.record("notes", id)).toEqual({ by: ["first", "second"], edits: 2 });
      expect(await leaders([first, second])).toEqual([0]);
    }));

  test("of five tabs one leads, and when it is closed another one does, with everything that waits", () =>
    withBrowser(kind, async (browser) => {
      const id = `five-${kind}`;
      const network = await scene.anotherNetwork();
      const tabs = await openTabs(browser, 5, { network });
      expect(await leaders(tabs)).toEqual([0]);
      await Promise.all(tabs.map((tab, at) => tab.run(add, id, `tab ${at}`)));
      await Promise.all(tabs.map((tab) => tab.run(seen, id, 5)));
      await Promise.all(tabs.map((tab) => tab.run(sent)));
      network.set("cut");
      const [first, ...others] = tabs;
      await first?.run(add, id, "the last of the first");
      await first?.close();
      network.set("whole");
      await Promise.all(others.map((tab) => tab.run(seen, id, 6)));
      await Promise.all(others.map((tab) => tab.run(sent)));
      expect(await leaders(others)).toHaveLength(1);
      expect(await scene.record("notes", id)).toMatchObject({ edits: 6 });
    }));
});

describe("chromium", () => {
  test.each(["frozen by the browser", "stopped without a word"])("the leader that is %s is deposed, what waits is sent, and afterwards it follows", (how) =>
    withBrowser("chromium", async (browser) => {
      const id = how.replaceAll(" ", "-");
      const network = await scene.anotherNetwork();
      const tabs = await openTabs(browser, 3, { network });
      const [first, ...others] = tabs;
      if (first === undefined) throw new Error("there are three");
      const setStill = (isStill: boolean): Promise<void> => (how === "frozen by the browser" ? first.setFrozen(isStill) : browser.setStopped(first, isStill));
      await first.run(add, id, "before");
      await Promise.all(tabs.map((tab) => tab.run(seen, id, 1)));
      await setStill(true);
      await others[0]?.run(add, id, "meanwhile");
      await others[0]?.run(sent);
      expect(await scene.record("notes", id)).toEqual({ by: ["before", "meanwhile"], edits: 2 });
      expect(await leaders(others)).toHaveLength(1);
      await setStill(false);
      await first.run(seen, id, 2);
      await first.run(() => window.page.until("it follows", () => !window.client.status().isLeader));
      await first.run(add, id, "afterwards");
      await Promise.all(tabs.map((tab) => tab.run(seen, id, 3)));
      await Promise.all(tabs.map((tab) => tab.run(sent)));
      expect(await leaders(tabs)).toHaveLength(1);
      expect(await scene.record("notes", id)).toMatchObject({ edits: 3 });
    }));

  test("the killed leader is followed by another tab, which sends what it left", () =>
    withBrowser("chromium", async (browser) => {
      const id = "killed";
      const network = await scene.anotherNetwork();
      const tabs = await openTabs(browser, 3, { network });
      const [first, ...others] = tabs;
      network.set("silent");
      await first?.run(add, id, "last words");
      await first?.kill();
      network.set("whole");
      await Promise.all(others.map((tab) => tab.run(seen, id, 1)));
      await Promise.all(others.map((tab) => tab.run(sent)));
      expect(await leaders(others)).toHaveLength(1);
      expect(await scene.record("notes", id)).toEqual({ by: ["last words"], edits: 1 });
    }));
});
