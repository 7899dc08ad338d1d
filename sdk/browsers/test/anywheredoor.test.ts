/** The admin panel of `examples/anywheredoor`, as an admin sees it while learners work. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { buildDoor, type Door, startDoor } from "../../anywheredoor/harness/door.js";
import { complaints } from "../harness/axe.js";
import { until } from "../harness/process.js";
import type { Tab } from "../harness/tab.js";
import { withBrowser } from "../harness/with-browser.js";

let built: { readonly folder: string; readonly remove: () => void };
let door: Door;
beforeAll(async () => {
  built = buildDoor();
  door = await startDoor(built.folder);
});
afterAll(async () => {
  await door.stop();
  built.remove();
});

async function says(tab: Tab, text: string): Promise<void> {
  await until(`the page says ${text}`, () => tab.run((wanted) => document.body.innerText.includes(wanted), text)).catch(async (error: Error) => {
    throw new Error(`${error.message}; it says: ${await tab.run(() => document.body.innerText)}`);
  });
}

test("what a learner does is in the panel by itself, with its freshness, and what the admin chooses is with the learner", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(door.admin);
    await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang", email: "mara@example.org" });
    await says(tab, "Mara Lang");
    const { data } = await door.ask(`${door.learner}/api/enrollments`, { userId: "mara", courseId: "rust-101" });
    const { id } = data["enrollment"] as { id: string };
    await says(tab, "rust-101");
    await door.ask(`${door.learner}/api/progress`, { userId: "mara", courseId: "rust-101", percent: 40 });
    await says(tab, "40 %");
    await says(tab, "Up to date");
    await says(tab, "Last updated: ");

    await tab.run(() => {
      const select = document.querySelector("select");
      if (select === null) throw new Error("there is nothing to choose from");
      select.value = "paused";
      select.dispatchEvent(new Event("change"));
    });
    await until("the learner has what the admin has chosen", async () => {
      const found = await door.ask(`${door.learner}/api/enrollments?userId=mara`);
      return JSON.stringify(found.data).includes('"paused"');
    });
    await until("the page shows it", () => tab.run(() => document.querySelector("select")?.value === "paused"));
    await door.ask(`${door.learner}/api/enrollments`, { id, status: "completed" });
    await until("the page shows what came after it", () => tab.run(() => document.querySelector("select")?.value === "completed"));
  }));

test("a panel that was away is followed again, and the page says so meanwhile", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await browser.open(door.admin);
    await says(tab, "Synced");
    await door.killPanel();
    await says(tab, "Offline");
    await door.ask(`${door.learner}/api/profile`, { userId: "jo", name: "Jo Brandt" });
    await door.startPanel();
    await says(tab, "Jo Brandt");
    await says(tab, "Synced");
  }));

test("axe finds nothing to mend, light and dark, wide and as narrow as a phone, and the policy of the page is kept to", () =>
  withBrowser("chromium", async (browser) => {
    await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang", email: "mara@example.org" });
    await door.ask(`${door.learner}/api/enrollments`, { userId: "mara", courseId: "rust-101" });
    const tab = await browser.open(door.admin);
    await says(tab, "rust-101");
    const found: string[] = [];
    for (const scheme of ["light", "dark"])
      for (const width of [1200, 360]) {
        await tab.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        await tab.cdp("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 1, mobile: width < 500 });
        found.push(...(await complaints(tab)).map((complaint) => `${scheme} ${width}: ${complaint}`));
        if (await tab.run(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)) found.push(`${scheme} ${width}: wider than the window`);
      }
    expect(found).toEqual([]);
    const isRun = await tab.run(() => {
      const script = document.createElement("script");
      script.textContent = "window.wasRun = true";
      document.head.append(script);
      return "wasRun" in window;
    });
    expect(isRun).toBe(false);
  }));
