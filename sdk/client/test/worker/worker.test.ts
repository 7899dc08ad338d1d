/** A service worker sends what waits, and the page has it woken. */

import { expect, it, vi } from "vitest";
import type { Client, Options } from "../../src/api.js";
import { later } from "../../src/later.js";
import { handleSync, keepSending, type Page, type SyncEvent } from "../../src/worker/index.js";
import { fakeClient, STATUS } from "../fake-client.js";

/** An event as a browser sends it. */
function eventOf(tag: string): SyncEvent & { readonly waits: Promise<unknown>[] } {
  const waits: Promise<unknown>[] = [];
  return Object.assign(new Event("sync"), { tag, waits, waitUntil: (promise: Promise<unknown>) => void waits.push(promise) });
}

const optionsOf = (name: string): Options | undefined => (name === "notes" ? { name, url: "https://hub.example", device: "web" } : undefined);

it("a worker opens the client of the name, synchronises over HTTP, and closes it", async () => {
  const client = fakeClient();
  const opened: Options[] = [];
  const event = eventOf("syncline:notes");
  const isOurs = handleSync(event, optionsOf, async (options) => {
    opened.push(options);
    return client;
  });
  expect(isOurs).toBe(true);
  await Promise.all(event.waits);
  expect(opened).toEqual([{ name: "notes", url: "https://hub.example", device: "web", strategy: { kind: "event-driven" }, transports: ["poll"] }]);
  expect(client.calls.map(([call]) => call)).toEqual(["sync", "close"]);
});

it("events of others and of clients that are not known open nothing", () => {
  for (const tag of ["notes", "other:notes", "syncline:unknown"]) {
    const event = eventOf(tag);
    expect(handleSync(event, optionsOf, () => Promise.reject(new Error("opened"))), tag).toBe(false);
    expect(event.waits, tag).toEqual([]);
  }
});

it("two events of a name synchronise once, and one that comes later again", async () => {
  let opened = 0;
  const open = async (): Promise<Client> => {
    opened++;
    return fakeClient();
  };
  const [a, b] = [eventOf("syncline:notes"), eventOf("syncline:notes")];
  handleSync(a, optionsOf, open);
  handleSync(b, optionsOf, open);
  await Promise.all([...a.waits, ...b.waits]);
  expect(opened).toBe(1);
  const c = eventOf("syncline:notes");
  handleSync(c, optionsOf, open);
  await Promise.all(c.waits);
  expect(opened).toBe(2);
});

it("a worker that could not send says so, so that it is woken again; one that was refused does not", async () => {
  const cases = [
    ["offline", false, true],
    ["refused", true, false],
  ] as const;
  for (const [name, isUnauthorised, isTold] of cases) {
    const calls: string[] = [];
    const client = fakeClient({
      sync: () => Promise.reject(new Error("no answer")),
      status: () => ({ ...STATUS, isUnauthorised }),
      close: async () => void calls.push("close"),
    });
    const event = eventOf("syncline:notes");
    handleSync(event, optionsOf, async () => client);
    const [answer] = await Promise.allSettled(event.waits);
    expect(answer?.status === "rejected", name).toBe(isTold);
    expect(calls, name).toEqual(["close"]);
  }
});

interface MadeUpPage extends Page {
  readonly window: EventTarget;
  readonly registered: string[];
}

/** A page whose browser takes registrations, refuses them, or knows nothing of them. */
function pageOf(kind: "takes" | "refuses" | "has no SyncManager" | "has no worker"): MadeUpPage {
  const registered: string[] = [];
  const sync = {
    register: async (tag: string) => {
      if (kind === "refuses") throw new DOMException("no", "NotAllowedError");
      registered.push(tag);
    },
  };
  const worker = kind === "has no worker" ? undefined : Promise.resolve(kind === "has no SyncManager" ? {} : { sync });
  return { worker, window: new EventTarget(), registered };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("the worker is to be woken while edits wait offline, and again, but not all the time", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const client = fakeClient();
    const page = pageOf("takes");
    const after = async (ms: number): Promise<number> => {
      await vi.advanceTimersByTimeAsync(ms);
      return page.registered.splice(0).length;
    };
    const stop = keepSending(client, "notes", page);
    client.be({ pending: 1, network: "online" });
    expect(await after(10_000)).toBe(0);
    client.be({ pending: 1, network: "offline" });
    expect(await after(999), "the edit may not be kept yet").toBe(0);
    client.be({ pending: 2, network: "offline" });
    await vi.advanceTimersByTimeAsync(1);
    expect(page.registered.splice(0)).toEqual(["syncline:notes"]);
    // A worker that came and found nothing is not the last one.
    expect(await after(2_000)).toBe(1);
    expect(await after(3_999)).toBe(0);
    expect(await after(1)).toBe(1);
    const inADay = await after(86_400_000);
    expect([inADay > 24, inADay < 400]).toEqual([true, true]);
    client.be({ pending: 0, network: "up-to-date" });
    expect(await after(86_400_000)).toBe(0);
    client.be({ pending: 1, network: "offline" });
    expect(await after(1_000)).toBe(1);
    stop();
    client.be({ pending: 0 });
    client.be({ pending: 1 });
    page.window.dispatchEvent(new Event("pagehide"));
    expect(await after(86_400_000)).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it("an edit that is taken back and made anew while it is being kept has no worker woken in between", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const client = fakeClient();
    const page = pageOf("takes");
    const stop = keepSending(client, "notes", page);
    for (let turn = 0; turn < 20; turn++) {
      client.be({ pending: 1, network: "offline" });
      await vi.advanceTimersByTimeAsync(500);
      client.be({ pending: 0, network: "offline" });
    }
    expect(page.registered).toEqual([]);
    stop();
  } finally {
    vi.useRealTimers();
  }
});

it("a tab that closes while something waits has the worker woken", async () => {
  const client = fakeClient();
  const page = pageOf("takes");
  keepSending(client, "notes", page);
  page.window.dispatchEvent(new Event("pagehide"));
  await turn();
  expect(page.registered).toEqual([]);
  client.be({ pending: 1, network: "online" });
  page.window.dispatchEvent(new Event("pagehide"));
  await turn();
  expect(page.registered).toEqual(["syncline:notes"]);
});

it("a browser without background synchronisation sends when the tab is online again", async () => {
  for (const kind of ["has no worker", "has no SyncManager", "refuses"] as const) {
    const client = fakeClient();
    const page = pageOf(kind);
    keepSending(client, "notes", page);
    page.window.dispatchEvent(new Event("online"));
    expect(client.calls, kind).toEqual([]);
    client.be({ pending: 1, network: "offline" });
    await turn();
    page.window.dispatchEvent(new Event("online"));
    await turn();
    expect(client.calls.map(([call]) => call), kind).toEqual(["sync"]);
  }
});

it("a worker has from its beginning what it needs later: it may load nothing then", async () => {
  const known = { ...later };
  try {
    const event = eventOf("syncline:notes");
    handleSync(event, optionsOf, async () => fakeClient());
    await Promise.all(event.waits);
    expect(Object.keys(await later.check()).sort()).toEqual(["compare", "holdings", "sumOf"]);
    expect(Object.keys(await later.poll())).toEqual(["openPoll"]);
  } finally {
    Object.assign(later, known);
  }
});
