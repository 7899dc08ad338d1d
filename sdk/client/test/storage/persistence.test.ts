/** Whether a browser keeps its places: asked seldom, told truly. */

import { expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import { durabilityOf, forgetClient, keep, noteClient, roomOf, type Site } from "../../src/storage/persistence.js";
import type { Storage } from "../../src/storage/storage.js";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A browser that answers as it is told, and counts how often it is asked. */
class MadeUpSite implements Site {
  asked = 0;
  persists = false;
  grants = false;
  fails = false;
  readonly kept = new Map<string, string>();
  readonly storage: NonNullable<Site["storage"]> = {
    persisted: async () => this.persists,
    persist: async () => {
      this.asked++;
      if (this.fails) throw new TypeError("not here");
      return (this.persists = this.grants);
    },
    estimate: async () => (this.fails ? Promise.reject(new TypeError("not here")) : { usage: 5, quota: 100 }),
  };
  readonly marks: NonNullable<Site["marks"]> = {
    getItem: (key) => this.kept.get(key) ?? null,
    setItem: (key, value) => {
      if (this.fails) throw new DOMException("full", "QuotaExceededError");
      this.kept.set(key, value);
    },
    removeItem: (key) => void this.kept.delete(key),
  };
}

async function place(durability: Storage["durability"] = "best-effort"): Promise<Storage> {
  return { ...(await memory()("notes")), durability };
}

it("a browser that grants it keeps what is stored, and is not asked again", async () => {
  const site = new MadeUpSite();
  site.grants = true;
  expect(await durabilityOf(await place(), 0, site)).toBe("persistent");
  expect(await durabilityOf(await place(), 1, site)).toBe("persistent");
  expect(site.asked).toBe(1);
});

it("a browser that refuses it is asked once a month, whatever the clock does", async () => {
  const site = new MadeUpSite();
  const cases = [
    ["at first", 100 * DAY_MS, 1],
    ["a day later", 101 * DAY_MS, 1],
    ["when the clock is off by a day", 99 * DAY_MS, 1],
    ["a month later", 131 * DAY_MS, 2],
    ["after a clock that was years ahead", 20 * DAY_MS, 3],
  ] as const;
  for (const [name, now, asked] of cases) {
    expect(await durabilityOf(await place(), now, site), name).toBe("best-effort");
    expect(site.asked, name).toBe(asked);
  }
});

it("a place that is kept anyhow, or not at all, asks nobody", async () => {
  const site = new MadeUpSite();
  for (const durability of ["persistent", "memory"] as const) expect(await durabilityOf(await place(durability), 0, site)).toBe(durability);
  expect(site.asked).toBe(0);
});

it("a browser that knows nothing of it promises nothing", async () => {
  expect(await durabilityOf(await place(), 0, { storage: undefined, marks: undefined })).toBe("best-effort");
  expect(await roomOf({ storage: undefined, marks: undefined })).toBeUndefined();
  const site = new MadeUpSite();
  site.fails = true;
  expect(await durabilityOf(await place(), 0, site)).toBe("best-effort");
  expect(await roomOf(site)).toBeUndefined();
  site.fails = false;
  expect(await roomOf(site)).toEqual({ used: 5, granted: 100 });
});

it("a client that finds another one's note is in a place that was emptied, unless that was destroyed on purpose", () => {
  const site = new MadeUpSite();
  expect(noteClient("notes", "web-1", site)).toBe(false);
  expect(noteClient("notes", "web-1", site)).toBe(false);
  expect(noteClient("of another", "web-2", site)).toBe(false);
  expect(noteClient("notes", "web-3", site)).toBe(true);
  expect(noteClient("notes", "web-3", site)).toBe(false);
  forgetClient("notes", site);
  expect(noteClient("notes", "web-4", site)).toBe(false);
  site.fails = true;
  expect(noteClient("notes", "web-5", site)).toBe(false);
  expect(noteClient("notes", "web-5", { storage: undefined, marks: undefined })).toBe(false);
});

it("a browser is not asked before there is something to keep", async () => {
  const site = new MadeUpSite();
  site.grants = true;
  expect(await durabilityOf(await place(), undefined, site)).toBe("best-effort");
  expect(site.asked).toBe(0);
  site.persists = true;
  expect(await durabilityOf(await place(), undefined, site)).toBe("persistent");
});

it("a client asks once there is something to keep, once, and tells what became of it and that its place was emptied", async () => {
  const site = new MadeUpSite();
  const told: string[] = [];
  const tell = { evicted: () => told.push("evicted"), durability: (durability: string) => told.push(durability) };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const keeping = keep(await place(), "notes", "web-1", tell, site);
  await turn();
  expect([told.splice(0), site.asked]).toEqual([["best-effort"], 0]);
  site.grants = true;
  keeping.ask(1);
  keeping.ask(2);
  await turn();
  expect([told.splice(0), site.asked]).toEqual([["persistent"], 1]);
  keep(await place(), "notes", "web-2", tell, site).forget();
  await turn();
  expect(told.splice(0)).toEqual(["evicted", "persistent"]);
  keep(await place(), "notes", "web-3", tell, site);
  await turn();
  expect(told.splice(0)).toEqual(["persistent"]);
});
