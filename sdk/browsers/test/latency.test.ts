/** How long an edit takes to be seen in another tab and in another browser: told, and written for whoever compares. */

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { latencies, quantile } from "../harness/latency.js";
import { type Scene, startScene } from "../harness/scene.js";
import { withBrowser } from "../harness/with-browser.js";

/** Edits of one measurement. */
const EDITS = 200;
const FOLDER = fileURLToPath(new URL("../../../target/sdk-test/", import.meta.url));

let scene: Scene;
const measured: Record<string, { readonly edits: number; readonly p50_ms: number; readonly p95_ms: number }> = {};
beforeAll(async () => {
  scene = await startScene();
});
afterAll(async () => {
  await scene.close();
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}latencies.json`, `${JSON.stringify(measured, undefined, 2)}\n`);
  console.table(measured);
});

function note(name: string, all: readonly number[]): void {
  measured[name] = { edits: all.length, p50_ms: quantile(all, 0.5), p95_ms: quantile(all, 0.95) };
  expect(all.filter((ms) => !Number.isFinite(ms)), "every edit is seen").toEqual([]);
}

test("every edit in one tab is seen in another of the same browser, without a hub", () =>
  withBrowser("chromium", async (browser) => {
    const [from, to] = [await browser.open(`${scene.pages.origin}/`, "window"), await browser.open(`${scene.pages.origin}/`, "window")];
    for (const tab of [from, to]) await scene.open(tab, { name: "latencies", network: null });
    note("tab to tab, without a hub", await latencies(from, to, "tabs", EDITS));
  }));

test("every edit in one browser is seen in another, through a hub", () =>
  withBrowser("chromium", (one) =>
    withBrowser("chromium", async (other) => {
      const [from, to] = [await one.open(`${scene.pages.origin}/`), await other.open(`${scene.pages.origin}/`)];
      for (const tab of [from, to]) {
        await scene.open(tab);
        await tab.run(() => window.client.sync());
      }
      note("browser to browser, through a hub", await latencies(from, to, "browsers", EDITS));
    }),
  ));
