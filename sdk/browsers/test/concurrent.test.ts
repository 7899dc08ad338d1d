/**
 * Three browsers that edit the same records while their networks come and go: random edits, which end equal with the hub.
 *
 * That three browsers end equal with folders and with clients in Rust, too, `cargo xtask demo` plays and compares
 * (`xtask/src/demo/scenes.rs`).
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Kind } from "../harness/browser.js";
import { Browser as Started } from "../harness/browser.js";
import type { Condition, Proxy } from "../harness/proxy.js";
import { randomFrom } from "../harness/random.js";
import { type Scene, startScene } from "../harness/scene.js";
import type { Tab } from "../harness/tab.js";
import { withProfile } from "../harness/with-browser.js";

/** How often everybody edits and the networks change. */
const ROUNDS = 10;
/** Edits of one browser in a round. */
const EDITS = 6;
/** Records that are edited by all. */
const RECORDS = ["n1", "n2", "n3"];
/** What is edited, and when networks are cut; another seed is another run. */
const SEED = Number(process.env["SEED"] ?? 1);
const CONDITIONS: readonly Condition[] = ["whole", "whole", "cut", "silent"];

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

/** A browser with a network of its own. */
interface Device {
  readonly browser: Browser;
  readonly tab: Tab;
  readonly network: Proxy;
}

async function withDevice<T>(kind: Kind, name: string, work: (device: Device) => Promise<T>): Promise<T> {
  return withProfile(async (profile) => {
    const browser = await Started.start(kind, profile);
    try {
      const network = await scene.anotherNetwork();
      const tab = await browser.open(`${scene.pages.origin}/`);
      await scene.open(tab, { device: name, network });
      return await work({ browser, tab, network });
    } finally {
      await browser.close();
    }
  });
}

/** Makes random edits; answers how much it has added to the sums and to the texts. Runs in the page, so it stands alone. */
async function edit(records: readonly string[], edits: number, device: string, numbers: readonly number[]): Promise<readonly [likes: number, characters: number]> {
  let likes = 0;
  let characters = 0;
  for (let at = 0; at < edits; at++) {
    const pick = (of: number): number => Math.floor((numbers[at * 3 + of] ?? 0) * 1_000);
    const id = records[pick(0) % records.length] ?? "";
    const text = String(window.client.get("notes", id)?.value["text"] ?? "");
    await window.client.edit("notes", id, (edit) => {
      const kind = pick(1) % 5;
      if (kind === 0) edit.set("/title", `${device} ${pick(2)}`);
      if (kind === 1) edit.increment("/likes", pick(2));
      if (kind === 2) edit.addToSet("/tags", `tag ${pick(2) % 20}`);
      if (kind === 3) edit.removeFromSet("/tags", `tag ${pick(2) % 20}`);
      if (kind === 4) edit.insertText("/text", pick(2) % (text.length + 1), `<${device}>`);
      if (kind === 1) likes += pick(2);
      if (kind === 4) characters += device.length + 2;
    });
  }
  return [likes, characters];
}

test("three browsers that edit at once, with networks cut and restored, end equal, with every edit", () =>
  withDevice("chromium", "first", (first) =>
    withDevice("chromium", "second", (second) =>
      withDevice("firefox", "third", async (third) => {
        const devices = { first, second, third };
        const all = Object.entries(devices);
        const random = randomFrom(SEED);
        await first.tab.run(async (records) => {
          for (const id of records) await window.client.edit("notes", id, (edit) => edit.set("/title", "begun").increment("/likes", 0).beginText("/text", "."));
          await window.client.sync();
        }, RECORDS);
        for (const [, { tab }] of all) await tab.run((count) => window.page.until("the records are there", () => Object.keys(window.page.shown("notes")).length === count), RECORDS.length);

        let likes = 0;
        let characters = RECORDS.length;
        const cut = new Set<string>();
        for (let round = 0; round < ROUNDS; round++) {
          for (const [name, { network }] of all) {
            const condition = CONDITIONS[Math.floor(random() * CONDITIONS.length)] ?? "whole";
            network.set(condition);
            if (condition !== "whole") cut.add(name);
          }
          const edited = all.map(([name, { tab }]) => tab.run(edit, RECORDS, EDITS, name, Array.from({ length: EDITS * 3 }, random)));
          for (const [of, inserted] of await Promise.all(edited)) {
            likes += of;
            characters += inserted;
          }
        }
        expect([...cut].sort(), "each was without a network at times").toEqual(Object.keys(devices));

        for (const [, { network }] of all) network.set("whole");
        for (const [, { tab }] of all) await tab.run(() => window.page.until("everything was sent", () => window.client.status().pending === 0));
        const held = Object.fromEntries(await Promise.all(RECORDS.map(async (id) => [id, await scene.record("notes", id)] as const)));
        const shown = Promise.all(
          all.map(async ([name, { tab }]) => {
            await tab.run(() => window.client.sync());
            const { quarantined, repairs } = await tab.run(() => window.client.status());
            return [name, await tab.run(() => window.page.shown("notes")), quarantined, repairs] as const;
          }),
        );
        for (const one of await shown) expect(one, `seed ${SEED}`).toEqual([one[0], held, 0, 0]);
        const notes = Object.values(held) as readonly { readonly likes: number; readonly text: string }[];
        const sum = (of: (note: (typeof notes)[number]) => number): number => notes.reduce((sum, note) => sum + of(note), 0);
        expect([sum((note) => note.likes), sum((note) => note.text.length)]).toEqual([likes, characters]);
      }),
    ),
  ));
