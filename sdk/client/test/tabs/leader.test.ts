/** One tab leads, whatever happens to the others, and what a former leader commits is not written. */

import { describe, expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import { contend } from "../../src/tabs/leader.js";
import { randomFrom } from "../random.js";
import { Browser, type Facts, type Led } from "./tabs.js";

/** How long it takes at most until another tab leads when the leader falls silent, in milliseconds. */
const SUCCESSION_MS_MAX = 15_000;

async function browserWith(count: number, facts?: Facts): Promise<Browser> {
  const browser = new Browser(facts);
  for (let at = 0; at < count; at++) {
    browser.open();
    await browser.pass(100);
  }
  return browser;
}

/** Says what is wrong with what leaders committed: each term is one tab's, and no term comes after a later one. */
function faults(led: readonly Led[]): string[] {
  const tabOf = new Map<number, number>();
  return led.flatMap(({ at, tab, term }, number) => {
    const before = led[number - 1];
    const owner = tabOf.get(term) ?? tab;
    tabOf.set(term, owner);
    if (owner !== tab) return [`at ${at} tab ${tab} wrote in term ${term} of tab ${owner}`];
    return before !== undefined && before.term > term ? [`at ${at} tab ${tab} wrote in term ${term} after ${before.term}`] : [];
  });
}

for (const hasLocks of [true, false]) {
  describe(hasLocks ? "with locks" : "without locks", () => {
    for (const count of [1, 2, 5]) {
      it(`of ${count} tabs one leads, and goes on leading while nothing happens`, async () => {
        const browser = await browserWith(count, { hasLocks });
        await browser.pass(10 * 60_000);
        expect(browser.tabs.map((tab) => tab.told)).toEqual([["leads 1"], ...Array(count - 1).fill([])]);
        expect(browser.led.at(-1)?.at).toBeGreaterThan(browser.now - 1000);
      });
    }

    for (const count of [2, 5]) {
      it(`another of ${count} tabs leads once the leader is killed`, async () => {
        const browser = await browserWith(count, { hasLocks });
        browser.tabs[0]?.kill();
        await browser.pass(hasLocks ? 200 : SUCCESSION_MS_MAX);
        expect(browser.leaders()).toHaveLength(1);
        expect(browser.led.at(-1)?.tab).not.toBe(0);
        expect(faults(browser.led)).toEqual([]);
      });

      it(`another of ${count} tabs leads once the leader is frozen, and stays when it is thawed`, async () => {
        const browser = await browserWith(count, { hasLocks });
        browser.tabs[0]?.freeze();
        await browser.pass(SUCCESSION_MS_MAX);
        const [leader, ...others] = browser.leaders();
        expect(others).toEqual([]);
        expect(browser.led.at(-1)).toMatchObject({ tab: leader?.number });
        browser.tabs[0]?.thaw();
        await browser.pass(SUCCESSION_MS_MAX);
        expect(browser.leaders()).toEqual([leader]);
        expect(browser.tabs[0]?.told).toEqual(["leads 1", "deposed"]);
        expect(faults(browser.led)).toEqual([]);
      });

      it(`another of ${count} tabs leads at once when the leader closes`, async () => {
        const browser = await browserWith(count, { hasLocks });
        void browser.tabs[0]?.close();
        await browser.pass(2100);
        expect(browser.leaders()).toHaveLength(1);
        expect(browser.tabs[0]?.told).toEqual(["leads 1", "deposed"]);
      });

      it(`another of ${count} tabs leads at once when the page of the leader is hidden away`, async () => {
        for (const [away, back] of [["pagehide", "pageshow"], ["freeze", "resume"]] as const) {
          const browser = await browserWith(count, { hasLocks });
          const [first] = browser.tabs;
          first?.page.dispatchEvent(new Event(away));
          await browser.pass(2100);
          const [leader] = browser.leaders();
          expect(leader).toBeDefined();
          expect(leader).not.toBe(first);
          first?.page.dispatchEvent(new Event(back));
          await browser.pass(SUCCESSION_MS_MAX);
          expect(first?.told).toEqual(["leads 1", "deposed", "resumed"]);
          void leader?.close();
          for (const tab of browser.tabs) if (tab !== first) void tab.close();
          await browser.pass(2100);
          expect(browser.leaders()).toEqual([first]);
        }
      });
    }

    it("a leader whose term another one took writes nothing more, and contends again", async () => {
      const browser = await browserWith(2, { hasLocks });
      const storage = await browser.place("notes");
      await storage.commit({ put: [["meta", "term", "7"]] });
      await browser.pass(SUCCESSION_MS_MAX);
      expect(browser.tabs[0]?.told.slice(0, 2)).toEqual(["leads 1", "deposed"]);
      expect(browser.leaders()).toHaveLength(1);
      expect(browser.led.at(-1)?.term).toBe(8);
    });

    it("a storage that refuses the term is asked again", async () => {
      let isFull = true;
      const change: Facts["change"] = (storage) => ({ ...storage, commit: async (batch) => (isFull ? Promise.reject(new Error("full")) : storage.commit(batch)) });
      const browser = await browserWith(1, { hasLocks, change });
      await browser.pass(5000);
      expect(new Set(browser.tabs[0]?.told)).toEqual(new Set(["problem"]));
      isFull = false;
      await browser.pass(5000);
      expect(browser.tabs[0]?.told.at(-1)).toBe("leads 1");
    });

    it("tabs that are opened, frozen, thawed and killed at random never write in two terms at once, and one leads soon after", async () => {
      for (let seed = 1; seed <= 40; seed++) expect(await play(seed, { hasLocks }), `seed ${seed}`).toEqual([]);
    });

    it("a storage that does not compare is found by the same play", async () => {
      const change: Facts["change"] = (storage) => ({ ...storage, commit: ({ expect: _, ...batch }) => storage.commit(batch) });
      const found: string[] = [];
      for (let seed = 1; seed <= 40; seed++) found.push(...(await play(seed, { hasLocks, change })));
      expect(found.filter((fault) => fault.includes("wrote in term"))).not.toEqual([]);
    });
  });
}

/** Plays a browser at random; answers what was wrong. */
async function play(seed: number, facts: Facts): Promise<string[]> {
  const random = randomFrom(seed);
  const browser = await browserWith(1 + Math.floor(random() * 5), { ...facts, random });
  for (let step = 0; step < 30; step++) {
    const tab = browser.tabs[Math.floor(random() * browser.tabs.length)];
    const what = random();
    if (what < 0.1 && browser.tabs.length < 8) browser.open();
    else if (what < 0.2) tab?.kill();
    else if (what < 0.55) tab?.freeze();
    else tab?.thaw();
    await browser.pass(random() < 0.3 ? random() * 50 : random() * 12_000);
  }
  for (const tab of browser.tabs) tab.thaw();
  browser.open();
  await browser.pass(2 * SUCCESSION_MS_MAX);
  const wrong = faults(browser.led);
  if (browser.leaders().length !== 1) wrong.push(`${browser.leaders().length} tabs lead`);
  const before = browser.led.length;
  await browser.pass(1000);
  if (browser.led.length === before) wrong.push("the leader does not write");
  return wrong;
}

it("tabs whose timers the browser delays by a minute do not depose a leader that answers, whichever of them are hidden", async () => {
  for (const hidden of [[0], [1, 2], [0, 1, 2]]) {
    const browser = await browserWith(3);
    for (const at of hidden) for (const tab of browser.tabs.slice(at, at + 1)) tab.timerMsMin = 60_000;
    await browser.pass(15 * 60_000);
    expect(browser.tabs.map((tab) => tab.told), `hidden: ${hidden.join()}`).toEqual([["leads 1"], [], []]);
  }
});

it("a place that is not shared has its only client lead at once", async () => {
  const told: number[] = [];
  const storage = await memory()("notes");
  const facts = { name: "notes", storage, channel: undefined, onDeposed: () => told.push(-1), onResume: () => undefined, onProblem: () => undefined };
  const leadership = contend({ ...facts, onLead: (term) => told.push(term) });
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([1]);
  await leadership.close();
  expect(told).toEqual([1, -1]);
  expect(leadership.term()).toBeUndefined();
});

it("a storage that fails while a leader asks whether it still leads is told, and the leader stays", async () => {
  const storage = await memory()("notes");
  const told: string[] = [];
  const facts = { name: "notes", storage, channel: undefined, onDeposed: () => told.push("deposed"), onResume: () => undefined };
  const leadership = contend({ ...facts, onLead: () => told.push("leads"), onProblem: () => told.push("problem") });
  await new Promise((resolve) => setImmediate(resolve));
  storage.close();
  await leadership.check();
  expect(told).toEqual(["leads", "problem"]);
  expect(leadership.term()).toBe(1);
});
