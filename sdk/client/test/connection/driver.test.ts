/** A client's connection with a hub that is served: by every way, over restarts, refused tokens and a store that fails. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";

import { conflictDesk } from "../../src/connection/conflicts.js";
import { startDriver, type Driver, type DriverFacts, type NetworkState, type Trouble } from "../../src/connection/driver.js";
import { later } from "../../src/later.js";
import type { SocketClass } from "../../src/connection/socket.js";
import type { Way } from "../../src/connection/transport.js";
import { startHub, type Hub } from "../hub.js";
import { MemorySide } from "./memory-side.js";

/** How long what a test waits for may take, in milliseconds: a debug build on a busy machine. */
const WAIT_MS_MAX = 40_000;
vi.setConfig({ testTimeout: 2 * WAIT_MS_MAX });

interface Started extends Driver {
  readonly side: MemorySide;
  readonly states: NetworkState[];
  readonly troubles: Trouble[];
}

let hub: Hub;
let drivers: Driver[] = [];
beforeEach(async () => {
  hub = await startHub();
});
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  await hub.stop();
});

const Socket = WebSocket as unknown as SocketClass;

function start(side: MemorySide, facts: Partial<DriverFacts> = {}): Started {
  const states: NetworkState[] = [];
  const troubles: Trouble[] = [];
  const tell = (state: NetworkState, trouble?: Trouble): void => {
    states.push(state);
    if (trouble) troubles.push(trouble);
  };
  const driver = startDriver({
    url: hub.url,
    side,
    token: hub.token,
    strategy: { kind: "immediate" },
    ways: ["websocket"],
    tell,
    socket: Socket,
    ...facts,
  });
  drivers.push(driver);
  return { ...driver, side, states, troubles };
}

/** Waits until something is so. */
async function until(is: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (!is()) {
    if (performance.now() > endMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const title = (side: MemorySide, id: string): unknown => side.record("tasks", id)?.["title"];

test.each<Way>(["websocket", "events", "poll"])("edits and changes of others arrive by %s", async (way) => {
  const [anna, ben] = [start(new MemorySide("anna"), { ways: [way] }), start(new MemorySide("ben"), { ways: [way] })];
  anna.side.edit("tasks", "t1", { set: { "/title": "Call back", "/views": 1 } });
  anna.wake();
  await anna.sync();
  await until(() => title(ben.side, "t1") === "Call back", "ben sees it");
  ben.side.edit("tasks", "t1", { inc: { "/views": 2 } });
  ben.wake();
  await until(() => anna.side.record("tasks", "t1")?.["views"] === 3, "anna sees it");
  expect(anna.states.at(-1)).toEqual({ network: "up-to-date", transport: way, isUnauthorised: false });
  expect(anna.side.greeted[0]?.incarnation).toMatch(/^[\da-f]{32}$/);
});

test.each<Way>(["websocket", "events", "poll"])("a hub that is killed and starts again has every edit once, by %s", async (way) => {
  const { side, wake, sync } = start(new MemorySide("anna"), { ways: [way] });
  await sync();
  let made = 0;
  for (let round = 0; round < 3; round++) {
    const killed = hub.halt("SIGKILL");
    for (let count = 0; count < 20; count++) {
      side.edit("counters", "c", { inc: { "/sum": 1 } });
      made += 1;
      wake();
    }
    await killed;
    await hub.start();
    side.edit("counters", "c", { inc: { "/sum": 1 } });
    made += 1;
    wake();
    await until(() => side.queue.size === 0, `round ${round}`);
  }
  const told = (await hub.ask("GET", "/v1/entities/counters/records/c")) as { record: unknown };
  expect(told.record).toEqual({ sum: made });
  expect(side.record("counters", "c")).toEqual({ sum: made });
});

test("ten thousand edits that wait go in at most twelve pushes", async () => {
  const side = new MemorySide("anna");
  for (let id = 0; id < 10_000; id++) side.edit("tasks", `t${id}`, { set: { "/title": `Task ${id}` } });
  const { sync } = start(side);
  await sync();
  const stored = side.trace.filter((what) => what.startsWith("results"));
  expect(side.results.length).toBe(10_000);
  expect(stored.length).toBeLessThanOrEqual(12);
});

test.each<Way>(["websocket", "events", "poll"])("a long queue arrives once although client and hub end again and again, by %s", async (way) => {
  const side = new MemorySide("anna");
  const count = 5_000;
  for (let at = 0; at < count; at++) side.edit("counters", `c${at % 100}`, { inc: { "/sum": 1 } });
  for (let round = 0; side.queue.size > 1_000; round++) {
    const driver = start(side, { ways: [way] });
    const answered = side.results.length;
    await until(() => side.results.length > answered, `round ${round}`);
    if (round % 3 === 0) {
      await hub.halt("SIGKILL");
      await hub.start();
    }
    // What was sent and not answered may have been applied.
    await driver.close();
  }
  await start(side, { ways: [way] }).sync();
  const unexpected = side.results.filter(({ status }) => status === "rejected" || status === "rebase");
  expect(unexpected).toEqual([]);
  const sums = Array.from({ length: 100 }, (_, at) => Number(side.record("counters", `c${at}`)?.["sum"]));
  expect(sums).toEqual(Array.from({ length: 100 }, () => count / 100));
});

test("a refused edit takes with it what comes after it, and nothing else", async () => {
  const side = new MemorySide("anna");
  const refused = side.edit("tasks", "t1", { set: { "/a": 1, "/a/b": 1 } });
  const after = side.edit("tasks", "t1", { set: { "/title": "after" } });
  side.edit("tasks", "t2", { set: { "/title": "beside" } });
  await start(side).sync();
  expect(side.results.find(({ op }) => op === refused)?.problem?.code).toBe("OPERATION_MALFORMED");
  expect(title(side, "t2")).toBe("beside");
  const fate = side.results.find(({ op }) => op === after)?.status ?? (side.aside.has(after) ? "aside" : "lost");
  expect(["aside", "applied", "merged"]).toContain(fate);
});

test.each<Way>(["websocket", "events", "poll"])("who was away for longer than the log is kept reads everything anew, by %s", async (way) => {
  await hub.stop();
  hub = await startHub({ args: ["--keep-changes", "20"] });
  const put = (id: string, body: object): Promise<unknown> => hub.ask("PUT", `/v1/entities/tasks/records/${id}`, body);
  await put("gone", { title: "goes" });
  await put("stays", { title: "before" });
  const { side, sync, setOnline, states } = start(new MemorySide("anna"), { ways: [way] });
  await sync();
  expect(side.snapshots).toBe(1);
  setOnline(false);
  await until(() => states.at(-1)?.network === "offline", "it is offline");
  await hub.ask("DELETE", "/v1/entities/tasks/records/gone");
  for (let id = 0; id < 60; id++) await put(`t${id}`, { title: `Task ${id}` });
  await put("stays", { title: "after" });
  // What is not kept is forgotten some time after the hub has started.
  await hub.halt();
  await hub.start();
  const cursor = encodeURIComponent(side.cursors()[0] ?? "");
  const isForgotten = (): Promise<boolean> => hub.ask("GET", `/v1/pull?cursor=${cursor}`).then(() => false, (error: Error) => error.message.includes(" 410 "));
  while (!(await isForgotten())) await new Promise((resolve) => setTimeout(resolve, 20));
  side.edit("tasks", "own", { set: { "/title": "own" } });
  setOnline(true);
  await sync();
  expect([side.snapshots, side.confirmed.has("tasks/gone")]).toEqual([2, false]);
  expect([title(side, "stays"), title(side, "t59"), title(side, "own")]).toEqual(["after", "Task 59", "own"]);
});

test("a refused token is fetched anew, and nothing is dropped meanwhile", async () => {
  const tokens = ["sk_wrong", hub.token];
  const side = new MemorySide("anna");
  side.edit("tasks", "t1", { set: { "/title": "kept" } });
  const { sync, states } = start(side, { token: () => tokens.shift() });
  await sync();
  expect(title(side, "t1")).toBe("kept");
  expect(states.some((state) => state.isUnauthorised)).toBe(false);
});

test("without another token the client says that it has none, and keeps its edits", async () => {
  const side = new MemorySide("anna");
  side.edit("tasks", "t1", { set: { "/title": "kept" } });
  const { states } = start(side, { token: "sk_wrong" });
  await until(() => states.at(-1)?.isUnauthorised === true, "it says so");
  expect(side.queue.size).toBe(1);
});

test("a token that is revoked ends the connection, and the next one goes on", async () => {
  const first = await hub.issue();
  const tokens = [first.token, (await hub.issue()).token];
  const { side, sync, states, wake } = start(new MemorySide("anna"), { token: () => tokens.shift() });
  await sync();
  await hub.ask("DELETE", `/v1/tokens/${first.id}`);
  await until(() => states.at(-1)?.network !== "up-to-date", "the connection ends");
  side.edit("tasks", "t1", { set: { "/title": "later" } });
  wake();
  await sync();
  expect(title(side, "t1")).toBe("later");
});

test("a store that fails once loses nothing", async () => {
  const side = new MemorySide("anna");
  const { sync, troubles, wake } = start(side);
  await sync();
  side.failure = new Error("no room");
  side.edit("counters", "c", { inc: { "/sum": 1 } });
  side.edit("counters", "c", { inc: { "/sum": 1 } });
  wake();
  await until(() => side.queue.size === 0, "the edits are answered");
  await until(() => side.record("counters", "c")?.["sum"] === 2, "they are counted once");
  expect(troubles.map(({ code }) => code)).toEqual(["CLIENT_STORE_FAILED"]);
});

test("offline means that nothing is sent, and online that all of it is", async () => {
  const { side, sync, setOnline, states, wake } = start(new MemorySide("anna"));
  await sync();
  setOnline(false);
  await until(() => states.at(-1)?.network === "offline", "it is offline");
  side.edit("tasks", "t1", { set: { "/title": "offline" } });
  wake();
  await hub.ask("PUT", "/v1/entities/tasks/records/t2", { title: "of another" });
  expect(side.results).toEqual([]);
  setOnline(true);
  await sync();
  expect([title(side, "t1"), title(side, "t2")]).toEqual(["offline", "of another"]);
});

test("a client that is driven by events connects to sync, and leaves", async () => {
  const { side, sync, states, wake } = start(new MemorySide("anna"), { strategy: { kind: "event-driven" } });
  side.edit("tasks", "t1", { set: { "/title": "waits" } });
  wake();
  expect(states).toEqual([]);
  await sync();
  expect(title(side, "t1")).toBe("waits");
  await until(() => states.at(-1)?.network === "offline", "it leaves");
  await hub.ask("PUT", "/v1/entities/tasks/records/t1", { title: "changed" });
  await sync();
  expect(title(side, "t1")).toBe("changed");
});

test("a scheduled client connects by itself, again and again", async () => {
  const { side, states } = start(new MemorySide("anna"), { strategy: { kind: "scheduled", everyMs: 50 } });
  await until(() => states.filter((state) => state.network === "up-to-date").length >= 2, "it has synced twice");
  side.edit("tasks", "t1", { set: { "/title": "by itself" } });
  await until(() => title(side, "t1") === "by itself", "what waits is sent with the next");
});

test("a batch goes once enough edits wait, and sooner where somebody asks", async () => {
  const strategy = { kind: "batch", operations: 3, withinMs: 3_600_000 } as const;
  const { side, sync, wake } = start(new MemorySide("anna"), { strategy });
  await sync();
  side.edit("tasks", "t1", { set: { "/title": "one" } });
  wake();
  side.edit("tasks", "t2", { set: { "/title": "two" } });
  wake();
  await hub.ask("PUT", "/v1/entities/tasks/records/t9", { title: "of another" });
  await until(() => title(side, "t9") === "of another", "a change comes in");
  expect(side.results).toEqual([]);
  side.edit("tasks", "t3", { set: { "/title": "three" } });
  wake();
  await until(() => side.queue.size === 0, "three are enough");
  side.edit("tasks", "t4", { set: { "/title": "four" } });
  await sync();
  expect(title(side, "t4")).toBe("four");
});

test("what may have been sent before a restart is asked for before changes are shown, also in batches", async () => {
  const side = new MemorySide("anna");
  const op = side.edit("counters", "c", { inc: { "/sum": 1 } });
  const sent = side.queue.get(op)?.operation;
  await hub.ask("POST", "/v1/push", { client: "anna", ops: [sent] });
  start(side, { strategy: { kind: "batch", operations: 10, withinMs: 3_600_000 } });
  await until(() => side.pages > 0, "changes are stored");
  expect(side.trace[0]).toBe("results 1");
  expect([side.results[0]?.status, side.record("counters", "c")]).toEqual(["duplicate", { sum: 1 }]);
});

test("where no WebSocket gets through the next way is taken", async () => {
  class Blocked {
    onclose: ((event: { code: number }) => void) | null = null;
    constructor() {
      queueMicrotask(() => this.onclose?.({ code: 1006 }));
    }
    close(): void {}
  }
  const { side, sync, states } = start(new MemorySide("anna"), {
    ways: ["websocket", "events", "poll"],
    socket: Blocked as unknown as SocketClass,
  });
  side.edit("tasks", "t1", { set: { "/title": "by events" } });
  await sync();
  expect([title(side, "t1"), states.at(-1)?.transport]).toEqual(["by events", "events"]);
});

test("a way that cannot be loaded is passed over: a browser may never load what it once could not", async () => {
  const load = vi.spyOn(later, "events").mockRejectedValue(new TypeError("error loading dynamically imported module"));
  const { side, sync, states } = start(new MemorySide("anna"), { ways: ["events", "poll"] });
  side.edit("tasks", "t1", { set: { "/title": "by polling" } });
  await sync();
  expect([title(side, "t1"), states.at(-1)?.transport]).toEqual(["by polling", "poll"]);
  load.mockRestore();
});

test("a device that has slept connects anew as soon as it looks, and one whose clock runs on does not", async () => {
  const side = new MemorySide("anna");
  const { sync, wake } = start(side);
  await sync();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  wake();
  await sync();
  expect(side.greeted.length).toBe(1);
  vi.setSystemTime(Date.now() + 31_000);
  wake();
  await until(() => side.greeted.length === 2, "it has connected anew");
  vi.useRealTimers();
});

test.each([
  ["connected", { kind: "immediate" }, true],
  ["connected in batches", { kind: "batch", operations: 10, withinMs: 1 }, true],
  ["offline", { kind: "immediate" }, false],
  ["offline and due", { kind: "scheduled", everyMs: 1 }, false],
  ["not asked", { kind: "event-driven" }, false],
] as const)("a client that has nothing to do and is %s does nothing", async (_, strategy, isConnected) => {
  const side = new MemorySide("anna");
  let turns = 0;
  const pending = side.waiting.bind(side);
  side.waiting = (after, limit) => {
    turns += 1;
    return pending(after, limit);
  };
  const { sync, setOnline } = start(side, { strategy });
  if (isConnected) await sync();
  else setOnline(strategy.kind === "event-driven");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  turns = 0;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(turns).toBeLessThan(10);
});

test("where the platform has no WebSocket the hub is reached by events", async () => {
  vi.stubGlobal("WebSocket", undefined);
  const side = new MemorySide("anna");
  side.edit("tasks", "t1", { set: { "/title": "by events" } });
  const { sync, states } = start(side, { ways: ["websocket", "events", "poll"], socket: undefined });
  await sync();
  vi.unstubAllGlobals();
  expect([title(side, "t1"), states.at(-1)?.transport]).toEqual(["by events", "events"]);
});

test("a WebSocket is tried again after some minutes, or when the network is back", async () => {
  let isBlocked = true;
  // The class of a socket that does not get through, or of one that does.
  const Sometimes = function (url: string, protocols: string[]) {
    if (!isBlocked) return new WebSocket(url, protocols);
    const blocked = { onclose: (_: { code: number }): void => {}, close: (): void => {} };
    queueMicrotask(() => blocked.onclose({ code: 1006 }));
    return blocked;
  } as unknown as SocketClass;
  for (const isBack of [true, false]) {
    isBlocked = true;
    let aheadMs = 0;
    const platform = new EventTarget();
    vi.stubGlobal("addEventListener", platform.addEventListener.bind(platform));
    vi.stubGlobal("removeEventListener", platform.removeEventListener.bind(platform));
    const clock = (): number => performance.now() + aheadMs;
    const { sync, states, wake, close } = start(new MemorySide("anna"), { ways: ["websocket", "poll"], socket: Sometimes, clock });
    await sync();
    expect(states.at(-1)?.transport).toBe("poll");
    isBlocked = false;
    if (isBack) {
      platform.dispatchEvent(new Event("offline"));
      await until(() => states.at(-1)?.network === "offline", "it is offline");
      platform.dispatchEvent(new Event("online"));
    } else {
      aheadMs = 300_000;
      wake();
    }
    await until(() => states.at(-1)?.transport === "websocket" && states.at(-1)?.network === "up-to-date", "the WebSocket is back");
    await close();
    vi.unstubAllGlobals();
  }
});

test.each<Way>(["websocket", "events", "poll"])("what the client holds is compared with the hub, and read anew where it differs, by %s", async (way) => {
  const side = new MemorySide("anna");
  await hub.ask("PUT", "/v1/entities/tasks/records/t1", { title: "of another", views: 1.5 });
  const same = start(side, { ways: [way] });
  await until(() => side.comparisons.length === 1, "it was compared");
  await same.close();
  side.spoils = true;
  const { sync, troubles } = start(side, { ways: [way] });
  await until(() => side.begunAnew === 1, "it was compared again");
  side.spoils = false;
  await sync();
  expect(title(side, "t1")).toBe("of another");
  expect(side.comparisons).toEqual([true, false]);
  expect(troubles.map(({ code }) => code)).toEqual(["VIEW_DIFFERS"]);
});

test.each<Way>(["websocket", "events", "poll"])("several views are followed at once, each from where it stands, by %s", async (way) => {
  const side = new MemorySide("anna", [{ entities: ["tasks"] }, { entities: ["notes"] }]);
  await hub.ask("PUT", "/v1/entities/tasks/records/t1", { title: "a task" });
  await hub.ask("PUT", "/v1/entities/other/records/o1", { title: "of no view" });
  const { sync, close } = start(side, { ways: [way] });
  await sync();
  await close();
  await hub.ask("PUT", "/v1/entities/notes/records/n1", { title: "a note" });
  side.edit("tasks", "t1", { set: { "/title": "edited" } });
  await start(side, { ways: [way] }).sync();
  expect([...side.confirmed.keys()].sort()).toEqual(["notes/n1", "tasks/t1"]);
  expect([title(side, "t1"), side.snapshots]).toEqual(["edited", 2]);
});

test("what a former life of the hub has applied is taken for applied where this one knows nothing of it any more", async () => {
  const side = new MemorySide("anna");
  side.resend({ op: 1, entity: "tasks", id: "t1", at: new Date(0).toISOString(), set: { "/title": "old" } });
  // The hub keeps the results of the latest 5,248 counters.
  for (let first = 2; first < 6_000; first += 1_000) {
    const ops = Array.from({ length: 1_000 }, (_, at) => ({ op: first + at, entity: "tasks", id: "t2", at: new Date(0).toISOString(), set: { "/n": at } }));
    await hub.ask("POST", "/v1/push", { client: "anna", ops });
  }
  await start(side).sync();
  expect(side.results).toEqual([{ op: 1, status: "duplicate" }]);
});

test("a client that is closed has stored what it was storing, and ends whoever waits", async () => {
  const side = new MemorySide("anna");
  const driver = start(side, { url: "http://127.0.0.1:9" });
  const sync = driver.sync();
  const failed = expect(sync).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  await driver.close();
  await failed;
});

test.each(["ftp://sync.example", "sync.example", "https://", "https://user@sync.example", "https://sync.example/?token=1"])(
  "%s is not the address of a hub",
  (url) => {
    const side = new MemorySide("anna");
    const facts = { url, side, token: "t", strategy: { kind: "immediate" }, ways: [], tell: () => {} } as const;
    const refused = expect.objectContaining({ code: "CLIENT_ADDRESS_INVALID" });
    expect(() => startDriver(facts)).toThrowError(refused);
    expect(() => conflictDesk({ name: "app", url, token: "t" }, "anna")).toThrowError(refused);
  },
);

/** Has whatever hangs on promises and on short timers come to something. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
};

test("a store that fails is left alone for a while, whatever wakes the connection meanwhile, and then for longer", async () => {
  let nowMs = 0;
  const side = new MemorySide("anna");
  let begun = 0;
  let waker: Driver | undefined;
  // As a place without room does: what is undone is shown, and that wakes who sends.
  vi.spyOn(side, "follows").mockImplementation(() => {
    begun += 1;
    if (begun < 1_000) waker?.wake();
    throw new Error("no room");
  });
  waker = start(side, { ways: [], clock: () => nowMs });
  const seen: number[] = [];
  for (const ms of [0, 999, 1, 1_999, 1, 3_999, 1]) {
    nowMs += ms;
    waker.wake();
    await settle();
    seen.push(begun);
  }
  expect(seen).toEqual([1, 1, 2, 2, 3, 3, 4]);
});

test("what a failure of the store says is told by its code, and nothing that it may hold of records", async () => {
  const side = new MemorySide("anna");
  vi.spyOn(side, "follows").mockImplementation(() => {
    throw new SyntaxError("Cannot convert secret to a BigInt");
  });
  const { troubles } = start(side, { ways: [] });
  await settle();
  expect(troubles[0]).toEqual({ code: "CLIENT_STORE_FAILED", detail: "" });
});

test("a source that gives the refused token again is no reason to ask the hub again and again, and the app is told", async () => {
  let nowMs = 0;
  let asked = 0;
  vi.stubGlobal("fetch", async () => {
    asked += 1;
    return new Response(null, { status: 401 });
  });
  try {
    const { states, wake } = start(new MemorySide("anna"), { token: () => "the same", clock: () => nowMs, random: () => 0.5 });
    const pass = (): boolean => {
      nowMs += 100;
      wake();
      return states.at(-1)?.isUnauthorised === true;
    };
    await until(pass, "it is told");
    for (let round = 0; round < 20; round++) {
      nowMs += 2_000;
      wake();
      await settle();
    }
    expect(asked).toBe(1);
    // What refused it may have been somebody else.
    nowMs += 60_000;
    wake();
    await settle();
    expect(asked).toBe(2);
  } finally {
    await drivers.pop()?.close();
    vi.unstubAllGlobals();
  }
});

test("a token that was refused by mistake is tried again, and what waited is sent", async () => {
  let nowMs = 0;
  const real = globalThis.fetch;
  let isMistaken = true;
  vi.stubGlobal("fetch", (...request: Parameters<typeof fetch>) => (isMistaken ? Promise.resolve(new Response(null, { status: 401 })) : real(...request)));
  try {
    const side = new MemorySide("anna");
    side.edit("tasks", "t1", { set: { "/title": "kept" } });
    const { states, wake, sync } = start(side, { clock: () => nowMs, random: () => 0.5 });
    const pass = (): boolean => {
      nowMs += 100;
      wake();
      return states.at(-1)?.isUnauthorised === true;
    };
    await until(pass, "it is told");
    isMistaken = false;
    nowMs += 60_000;
    await sync();
    expect([title(side, "t1"), states.at(-1)?.isUnauthorised]).toEqual(["kept", false]);
  } finally {
    await drivers.pop()?.close();
    vi.unstubAllGlobals();
  }
});

test("what comes after an operation that a former life of the hub has applied is not forgotten", async () => {
  const side = new MemorySide("anna");
  side.resend({ op: 1, entity: "tasks", id: "t1", at: new Date(0).toISOString(), set: { "/title": "old" } });
  // The hub keeps the results of the latest 5,248 counters, and these are newer ones than the edit below: it is sent by itself.
  for (let first = 3; first < 6_003; first += 1_000) {
    const ops = Array.from({ length: 1_000 }, (_, at) => ({ op: first + at, entity: "tasks", id: "t2", at: new Date(0).toISOString(), set: { "/n": at } }));
    await hub.ask("POST", "/v1/push", { client: "anna", ops });
  }
  const { sync, wake, states } = start(side);
  // Behind the first one, in its lane, and handed in while that one is under way.
  const send = WebSocket.prototype.send;
  let later: number | undefined;
  vi.spyOn(WebSocket.prototype, "send").mockImplementation(function (this: WebSocket, ...said: unknown[]) {
    Reflect.apply(send, this, said);
    if (later !== undefined || !String(said[0]).startsWith('["p"')) return;
    const operation = { op: 7_000, entity: "tasks", id: "t1", at: new Date(0).toISOString(), set: { "/title": "new" } };
    side.queue.set((later = operation.op), { operation, isUrgent: false, asked: undefined, isResent: false });
    wake();
  });
  try {
    await until(() => states.at(-1)?.network === "up-to-date" && later !== undefined, "the first is sent");
    await sync();
    expect(side.results.map(({ op, status }) => [op, status])).toEqual([[1, "duplicate"], [7_000, "applied"]]);
  } finally {
    vi.restoreAllMocks();
  }
});
