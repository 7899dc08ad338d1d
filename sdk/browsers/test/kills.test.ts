/** A browser that is killed again and again while edits wait: none is lost, none is there twice. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Browser, type Kind, type Profile } from "../harness/browser.js";
import type { Condition } from "../harness/proxy.js";
import { randomFrom } from "../harness/random.js";
import { type Scene, startScene } from "../harness/scene.js";
import { withProfile } from "../harness/with-browser.js";

/** How often each is killed; a start of Firefox takes five times as long. */
const KILLS: Readonly<Record<"chromium" | "firefox", number>> = { chromium: 50, firefox: 5 };
/** Longest that a browser lives on after it began to write. */
const LIFE_MS_MAX = 200;
/** Longest that all is sent within at the end: a bound for what hangs. */
const SYNC_MS_MAX = 120_000;
/** The moments of the kills and what the network does in between; another seed is another run. */
const SEED = Number(process.env["SEED"] ?? 1);

/** What is kept of every edit: a set says which there are, a sum how often each was counted. */
interface Log {
  readonly made: readonly string[];
  readonly edits: number;
}

/** What happens to one life of a browser: its network at the beginning, and each wait, in milliseconds, with what the network is then. */
interface Fate {
  readonly begins: Condition;
  readonly steps: readonly (readonly [waitMs: number, becomes: Condition | undefined])[];
}

/**
 * Returns what happens to each life; the same for a seed, however fast the machine is.
 *
 * The last that becomes of the network of every second one is that nothing reaches the hub, so that operations wait at the kill.
 */
function fatesOf(seed: number, lives: number): readonly Fate[] {
  const random = randomFrom(seed);
  const pick = (of: readonly Condition[]): Condition => of[Math.floor(random() * of.length)] ?? "cut";
  return Array.from({ length: lives }, (_, life) => {
    // Whoever starts anew may find a network or none.
    const begins = random() < 0.3 ? "whole" : "cut";
    const steps: [number, Condition | undefined][] = [];
    const lastsMs = random() * LIFE_MS_MAX;
    for (let atMs = 0; atMs < lastsMs; ) {
      const waitMs = random() * LIFE_MS_MAX;
      steps.push([waitMs, random() < 0.5 ? pick(["whole", "cut", "silent"]) : undefined]);
      atMs += waitMs;
    }
    if (life % 2 === 0) steps.splice(-1, 1, [steps.at(-1)?.[0] ?? 0, pick(["cut", "silent"])]);
    return { begins, steps };
  });
}

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.close());

test.each<Kind & keyof typeof KILLS>(["chromium", "firefox"])(
  "%s is killed at random points while operations are queued, which loses none and doubles none",
  (kind) =>
    withProfile(async (profile) => {
      const network = await scene.anotherNetwork();
      const id = `log-of-${kind}`;
      let wiped = 0;
      let queuedAtAKill = 0;
      for (const [kill, { begins, steps }] of fatesOf(SEED, KILLS[kind]).entries()) {
        network.set(begins);
        const browser = await Browser.start(kind, profile);
        try {
          const tab = await browser.open(`${scene.pages.origin}/`);
          await tab.run(hearOfDataLoss);
          await scene.open(tab, { name: id, network });
          const isWiped = await tab.run(() => (window as unknown as { readonly isWiped: boolean }).isWiped);
          // Chromium removes a database of which it finds a write torn ("checksum mismatch"), and tells it as `dataLoss`. What was not
          // sent is there all the same, and what was comes from the hub, which may be out of reach now and for some lives.
          if (isWiped) wiped++;
          const shown = await tab.run((id) => window.client.get("logs", id)?.value, id);
          expect(lostOf(id, shown, wiped > 0 && (await scene.record("logs", id))), `kill ${kill}, seed ${SEED}, ${wiped} databases torn`).toEqual([]);
          await tab.run(
            (id, life) => {
              const write = async (): Promise<never> => {
                for (let at = 0; ; at++) {
                  const key = `${id}/${life}-${at}`;
                  const log = (edit: Parameters<Parameters<typeof window.client.edit>[2]>[0]) => edit.addToSet("/made", key).increment("/edits");
                  // One at a time, and two at once that belong together.
                  if (at % 3 !== 0) await window.client.edit("logs", id, log);
                  else await window.client.transaction((transaction) => transaction.edit("logs", id, log).edit("entries", `${id}-${life}-${at}`, (edit) => edit.increment("/times")));
                  await window.page.tell(key);
                }
              };
              void write();
            },
            id,
            kill,
          );
          for (const [waitMs, becomes] of steps) {
            await new Promise((resolve) => setTimeout(resolve, waitMs));
            if (becomes !== undefined) network.set(becomes);
          }
          queuedAtAKill += (await tab.run(() => window.client.status().pending)) > 0 ? 1 : 0;
        } finally {
          await browser.kill();
        }
      }
      expect(queuedAtAKill, "kills fall where operations wait").toBeGreaterThan(KILLS[kind] / 4);

      if (wiped > 0) console.log(`${kind} found its own database torn and removed it after ${wiped} of ${KILLS[kind]} kills`);

      network.set("whole");
      const browser = await Browser.start(kind, profile);
      try {
        const tab = await browser.open(`${scene.pages.origin}/`);
        await scene.open(tab, { name: id, network });
        await tab.run((ms) => window.client.sync(ms), SYNC_MS_MAX);
        expect(await tab.run(() => window.client.status())).toMatchObject({ pending: 0, quarantined: 0, kept: 0 });
        const held = (await scene.record("logs", id)) as Log;
        await tab.run(seesAll, id, held.edits);
        expect(await tab.run((id) => window.client.get("logs", id)?.value, id)).toEqual(held);
        expect(lostOf(id, held)).toEqual([]);
        // Each edit is one element and one of the sum: were one there twice, the sum would be larger.
        expect(held.edits).toBe(held.made.length);
        const pairs = held.made.filter((key) => Number(key.split("-").at(-1)) % 3 === 0);
        for (const key of pairs) expect(await scene.record("entries", key.replace("/", "-")), key).toEqual({ times: 1 });
      } finally {
        await browser.close();
      }
    }),
  1_200_000,
);

test("chromium finds its database torn after a kill: what was not sent is there at once, also after further kills, and what was comes from the hub", () =>
  withProfile(async (profile) => {
    const network = await scene.anotherNetwork();
    const id = "log-of-torn";
    let edits = 0;
    /** One life, which makes an edit; answers what was made before, as it is shown, and whether the browser told of a loss. */
    const live = async (edit: string, hasNetwork: boolean): Promise<readonly [made: readonly string[], isWiped: boolean]> => {
      network.set(hasNetwork ? "whole" : "cut");
      const browser = await Browser.start("chromium", profile);
      try {
        const tab = await browser.open(`${scene.pages.origin}/`);
        await tab.run(hearOfDataLoss);
        await scene.open(tab, { name: id, network });
        if (hasNetwork) await tab.run(seesAll, id, edits);
        const before = await tab.run(
          async (id, edit) => {
            const made = [...((window.client.get("logs", id)?.value["made"] ?? []) as string[])];
            await window.client.edit("logs", id, (write) => write.addToSet("/made", edit).increment("/edits"));
            return [made.sort(), (window as unknown as { readonly isWiped: boolean }).isWiped] as const;
          },
          id,
          edit,
        );
        edits++;
        if (hasNetwork) await tab.run((ms) => window.client.sync(ms), SYNC_MS_MAX);
        return before;
      } finally {
        await browser.kill();
      }
    };
    await live("sent", true);
    await live("not sent", false);
    tearDatabase(profile);
    expect(await live("made after the loss", false)).toEqual([["not sent"], true]);
    expect(await live("made later", false)).toEqual([["made after the loss", "not sent"], false]);
    const all = ["made after the loss", "made later", "not sent", "sent"];
    expect(await live("made last", true)).toEqual([all, false]);
    expect(await scene.record("logs", id)).toEqual({ made: expect.arrayContaining([...all, "made last"]), edits: 5 });
  }));

/**
 * Waits, in the page, until the log is shown with so many edits. What was made of a record that was lost with its database is shown alone at
 * first, since the hub takes the client to hold the record; comparing what both hold shows that, and the record is read anew.
 */
async function seesAll(id: string, edits: number): Promise<void> {
  if (edits > 0) await window.page.until(`${edits} edits are shown`, () => window.client.get("logs", id)?.value["edits"] === edits);
}

/** Writes noise into the log of a browser's database, as a kill in the midst of a write may leave one; the copy stands elsewhere. */
function tearDatabase(profile: Profile): void {
  const folder = join(profile.folder, "Default/IndexedDB");
  const logs = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /leveldb.[0-9]+\.log$/.test(name));
  expect(logs).not.toEqual([]);
  for (const log of logs) {
    const bytes = readFileSync(join(folder, log));
    writeFileSync(join(folder, log), bytes.fill(0xff, Math.floor(bytes.length / 4), Math.floor(bytes.length / 2)));
  }
}

/** Has the page note whether the browser made a database anew since it had lost the one that was there. */
function hearOfDataLoss(): void {
  const open = IDBFactory.prototype.open;
  Object.assign(window, { isWiped: false });
  IDBFactory.prototype.open = function (...asked) {
    const request = open.apply(this, asked);
    request.addEventListener("upgradeneeded", (event) => {
      if ((event as unknown as { readonly dataLoss?: string }).dataLoss === "total") Object.assign(window, { isWiped: true });
    });
    return request;
  };
}

/** Returns the edits that were durable and are in none of these logs. */
function lostOf(id: string, ...logs: readonly unknown[]): readonly string[] {
  const there = new Set(logs.flatMap((log) => ((log || {}) as Partial<Log>).made ?? []));
  return scene.pages.told.filter((key) => key.startsWith(`${id}/`) && !there.has(key));
}
