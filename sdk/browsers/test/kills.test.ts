/** A browser that is killed again and again while edits wait: none is lost, none is there twice. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { Browser, type Kind } from "../harness/browser.js";
import type { Condition } from "../harness/proxy.js";
import { randomFrom } from "../harness/random.js";
import { type Scene, startScene } from "../harness/scene.js";
import { withProfile } from "../harness/with-browser.js";

/** How often each is killed; a start of Firefox takes five times as long. */
const KILLS: Readonly<Record<"chromium" | "firefox", number>> = { chromium: 50, firefox: 5 };
/** Longest that a browser lives on after it began to write. */
const LIFE_MS_MAX = 200;
/** The moments of the kills and what the network does in between; another seed is another run. */
const SEED = Number(process.env["SEED"] ?? 1);

/** What is kept of every edit: a set says which there are, a sum how often each was counted. */
interface Log {
  readonly made: readonly string[];
  readonly edits: number;
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
      const random = randomFrom(SEED);
      const network = await scene.anotherNetwork();
      const id = `log-of-${kind}`;
      const life = async (): Promise<Browser> => {
        // Whoever starts anew may find a network or none.
        network.set(random() < 0.3 ? "whole" : "cut");
        return Browser.start(kind, profile);
      };
      let wiped = 0;
      let queuedAtAKill = 0;
      let conditions = 0;
      for (let kill = 0; kill < KILLS[kind]; kill++) {
        const browser = await life();
        try {
          const tab = await browser.open(`${scene.pages.origin}/`);
          await tab.run(hearOfDataLoss);
          await scene.open(tab, { name: id, network });
          const isWiped = await tab.run(() => (window as unknown as { readonly isWiped: boolean }).isWiped);
          // Chromium removes a database of which it finds a write torn ("checksum mismatch"), and tells it as `dataLoss`. What was not
          // sent is there all the same, and what was comes from the hub, which may be out of reach now.
          if (isWiped) wiped++;
          else expect(await lostOf(id, tab.run((id) => window.client.get("logs", id)?.value, id)), `kill ${kill}, seed ${SEED}`).toEqual([]);
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
          const end = performance.now() + random() * LIFE_MS_MAX;
          while (performance.now() < end) {
            await new Promise((resolve) => setTimeout(resolve, random() * LIFE_MS_MAX));
            if (random() < 0.5) {
              network.set((["whole", "cut", "silent"] as readonly Condition[])[Math.floor(random() * 3)] ?? "whole");
              conditions++;
            }
          }
          queuedAtAKill += (await tab.run(() => window.client.status().pending)) > 0 ? 1 : 0;
        } finally {
          await browser.kill();
        }
      }
      expect([queuedAtAKill > KILLS[kind] / 4, conditions > 0], "kills fall where operations wait").toEqual([true, true]);

      if (wiped > 0) console.log(`${kind} found its own database torn and removed it after ${wiped} of ${KILLS[kind]} kills`);

      network.set("whole");
      const browser = await Browser.start(kind, profile);
      try {
        const tab = await browser.open(`${scene.pages.origin}/`);
        await scene.open(tab, { name: id, network });
        await tab.run(() => window.client.sync());
        expect(await tab.run(() => window.client.status())).toMatchObject({ pending: 0, quarantined: 0, kept: 0 });
        const shown = await tab.run((id) => window.client.get("logs", id)?.value, id);
        const held = (await scene.record("logs", id)) as Log;
        expect(shown).toEqual(held);
        expect(await lostOf(id, held)).toEqual([]);
        // Each edit is one element and one of the sum: were one there twice, the sum would be larger.
        expect(held.edits).toBe(held.made.length);
        const pairs = held.made.filter((key) => Number(key.split("-").at(-1)) % 3 === 0);
        for (const key of pairs) expect(await scene.record("entries", key.replace("/", "-")), key).toEqual({ times: 1 });
      } finally {
        await browser.close();
      }
    }),
  600_000,
);

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

/** Returns the edits that were durable and are not in the log. */
async function lostOf(id: string, log: unknown): Promise<readonly string[]> {
  const { made = [] } = ((await log) ?? {}) as Partial<Log>;
  const there = new Set(made);
  return scene.pages.told.filter((key) => key.startsWith(`${id}/`) && !there.has(key));
}
