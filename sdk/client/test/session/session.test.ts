/** When the client's end sends what, and when it gives a connection up. */

import { expect, test } from "vitest";

import type { ClientMessage, HubMessage, Problem, Result, ResultStatus, Welcome } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import { COMES_BACK_MAX, GATHER_MS, GATHER_OPERATIONS, LASTED_MS, OPERATIONS_HELD_MAX, OPERATIONS_UNANSWERED_MAX, RETRY_MS_MAX } from "../../src/session/limits.js";
import { newSession, type Session } from "../../src/session/session.js";

const HEARTBEAT_MS = 30_000;
const WELCOME: Welcome = {
  protocol: 1,
  incarnation: "00000000000000000000000000000001",
  heartbeat_ms: HEARTBEAT_MS,
  window: 8,
  limits: { push_operations: 1_000, message_bytes: 8 << 20 },
};

const operation = (op: number, more: Partial<Operation> = {}): Operation => ({
  op,
  entity: "tasks",
  id: `t${op}`,
  at: "2026-11-20T10:00:00.000Z",
  delete: true,
  ...more,
});

/** A session whose connection was greeted at 0. Its waits are the longest that there can be, unless `random` says otherwise. */
function open(welcome: Partial<Welcome> = {}, random = (): number => 0.999_999): Session {
  const session = newSession({ client: "phone", follows: [{}], accept: [], window: 8, random });
  expect(session.pollConnection(0)).toEqual({ connect: { needsToken: false } });
  greet(session, 0, welcome);
  return session;
}

function greet(session: Session, nowMs: number, welcome: Partial<Welcome> = {}): void {
  session.handleConnected(nowMs);
  expect(session.pollMessage(nowMs)).toHaveProperty("hello");
  session.handleMessage({ welcome: { ...WELCOME, ...welcome } }, nowMs);
}

function handIn(session: Session, counter: number, nowMs: number, isUrgent = false): void {
  expect(session.handleOperation(operation(counter), isUrgent, nowMs)).toBe(true);
}

/** Returns the counters of the next push. */
function pushed(session: Session, nowMs: number): number[] | undefined {
  const message = session.pollMessage(nowMs);
  if (!message) return undefined;
  expect(message).toHaveProperty("push");
  return "push" in message ? message.push.map(({ op }) => op) : undefined;
}

function answer(session: Session, counters: readonly number[], status: ResultStatus, nowMs: number, code?: string): void {
  const problem: Problem | undefined = code === undefined ? undefined : { code, detail: "", retryable: true };
  const results: Result[] = counters.map((op) => ({ op, status, ...(problem && { problem }) }));
  session.handleMessage({ results, position: 1 }, nowMs);
}

/** Takes all that is to be stored; returns the counters that were settled, those set aside as negative numbers. */
function stored(session: Session, nowMs: number): number[] {
  const found: number[] = [];
  for (let store; (store = session.pollStore(nowMs)); ) {
    if ("settled" in store) found.push("because" in store.settled ? -store.settled.operation.op : store.settled.operation.op);
    if ("page" in store) session.handleStored();
  }
  return found;
}

test("an idle connection sends at once and a busy one gathers", () => {
  const session = open();
  handIn(session, 1, 10);
  expect(pushed(session, 10)).toEqual([1]);
  handIn(session, 2, 20);
  handIn(session, 3, 30);
  expect(pushed(session, 30), "it waits for company").toBeUndefined();
  expect(session.pollDeadline(30)).toBe(20 + GATHER_MS);
  handIn(session, 4, 40, true);
  expect(pushed(session, 40), "what is urgent does not").toEqual([4]);
  expect(pushed(session, 20 + GATHER_MS)).toEqual([2, 3]);
  handIn(session, 5, 300);
  answer(session, [1], "applied", 310);
  answer(session, [4], "applied", 310);
  answer(session, [2, 3], "applied", 310);
  expect(pushed(session, 310), "an answer ends the wait").toEqual([5]);
});

test("enough operations end the wait", () => {
  const session = open();
  handIn(session, 1, 0);
  expect(pushed(session, 0)).toEqual([1]);
  for (let counter = 2; counter <= GATHER_OPERATIONS; counter++) handIn(session, counter, 1);
  expect(pushed(session, 1)).toBeUndefined();
  handIn(session, GATHER_OPERATIONS + 1, 1);
  expect(pushed(session, 1)).toHaveLength(GATHER_OPERATIONS);
});

test("four pushes are unanswered, and with urgent ones eight", () => {
  const session = open();
  const send = (counter: number, isUrgent: boolean): number[] | undefined => {
    handIn(session, counter, counter * GATHER_MS, isUrgent);
    return pushed(session, (counter + 1) * GATHER_MS);
  };
  for (let counter = 1; counter <= 4; counter++) expect(send(counter, false)).toEqual([counter]);
  expect(send(5, false), "a fifth has to wait").toBeUndefined();
  for (let counter = 6; counter <= 9; counter++) expect(send(counter, true)).toEqual([counter]);
  expect(send(10, true), "a ninth is none that a hub takes").toBeUndefined();
});

test("no more is unanswered than a hub remembers", () => {
  const session = open();
  for (let counter = 1; counter <= 4_000; counter++) handIn(session, counter, 0);
  let unanswered = 0;
  for (let at = 0; at < 4; at++) unanswered += pushed(session, GATHER_MS * at)?.length ?? 0;
  expect(unanswered).toBe(OPERATIONS_HELD_MAX);
  expect(pushed(session, GATHER_MS * 5)).toBeUndefined();
  for (let counter = 4_001; counter <= 5_000; counter++) session.handleOperation(operation(counter), true, 0);
  while (unanswered < OPERATIONS_UNANSWERED_MAX) unanswered += pushed(session, GATHER_MS * 5)?.length ?? Infinity;
  expect(unanswered).toBe(OPERATIONS_UNANSWERED_MAX);
  expect(pushed(session, GATHER_MS * 6)).toBeUndefined();
});

test("a push grows no larger than half of what a hub reads, and one operation is sent whatever its size", () => {
  const session = open({ limits: { push_operations: 1_000, message_bytes: 2_000 } });
  const large = { delete: undefined, set: { "/text": "x".repeat(900) } } as unknown as Partial<Operation>;
  for (const op of [1, 2, 3]) session.handleOperation(operation(op, large), false, 0);
  expect(pushed(session, 0)).toEqual([1]);
  expect(pushed(session, GATHER_MS)).toEqual([2]);
});

test("there is room for as many operations as fill the unanswered pushes, and for some that are urgent", () => {
  const session = open();
  for (let counter = 1; counter <= OPERATIONS_HELD_MAX; counter++) handIn(session, counter, 0);
  expect(session.handleOperation(operation(5_000), false, 0)).toBe(false);
  handIn(session, 5_001, 0, true);
  expect(session.held()).toBe(OPERATIONS_HELD_MAX + 1);
});

test("what is behind is sent again later and later", () => {
  const session = open();
  handIn(session, 1, 0);
  let nowMs = 0;
  for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, RETRY_MS_MAX, RETRY_MS_MAX]) {
    expect(pushed(session, nowMs)).toEqual([1]);
    answer(session, [1], "behind", nowMs);
    session.handleTraffic(nowMs);
    expect(pushed(session, nowMs + waitMs - 1)).toBeUndefined();
    expect(session.held()).toBe(1);
    nowMs += waitMs;
  }
});

test.each([
  ["BASE_SHORT", [1]],
  ["DELTA_DOES_NOT_FIT", [1]],
  ["OPERATION_WAITS", undefined],
])("what is behind because of %s goes again at once: %j", (code, expected) => {
  const session = open();
  handIn(session, 1, 10);
  expect(pushed(session, 10)).toEqual([1]);
  answer(session, [1], "behind", 20, code);
  expect(pushed(session, 20)).toEqual(expected);
});

test("that edits wait for an operator is told once", () => {
  const session = open();
  for (const counter of [1, 2]) {
    handIn(session, counter, 0, true);
    expect(pushed(session, 0)).toEqual([counter]);
  }
  answer(session, [1], "behind", 0, "OPERATION_WAITS");
  expect(session.pollProblem(), "nobody has to do anything about it").toBeUndefined();
  answer(session, [2], "behind", 0, "PUSH_HELD");
  expect(session.pollProblem()?.code).toBe("PUSH_HELD");
  expect(pushed(session, 1_000)).toEqual([1, 2]);
  answer(session, [1, 2], "behind", 1_000, "PUSH_HELD");
  expect([session.pollProblem(), session.held()]).toEqual([undefined, 2]);
});

test("a refusal takes with it what was not sent, and asks for what was", () => {
  const session = open();
  const chain = (op: number, after: number[]): Operation => operation(op, { id: op === 3 ? "t1" : `t${op}`, after });
  session.handleOperation(operation(1), false, 0);
  session.handleOperation(chain(2, [1]), false, 0);
  expect(pushed(session, 0)).toEqual([1, 2]);
  session.handleOperation(chain(3, []), false, 0);
  session.handleOperation(chain(4, [3]), false, 0);
  session.handleOperation(operation(5), false, 0);
  session.handleMessage({ results: [{ op: 1, status: "rejected" }, { op: 2, status: "behind" }], position: 1 }, 10);
  expect(stored(session, 10)).toEqual([1, -2]);
  expect(pushed(session, 10)).toEqual([5]);
});

test("results that are not those of the oldest push end the connection, and nothing is answered", () => {
  for (const wrong of [[2, 1], [1], [1, 2, 3]]) {
    const session = open();
    handIn(session, 1, 0);
    handIn(session, 2, 0);
    expect(pushed(session, 0)).toEqual([1, 2]);
    answer(session, wrong, "applied", 0);
    expect(session.pollConnection(0)).toEqual({ close: 1002 });
    expect([stored(session, 0), session.held()]).toEqual([[], 2]);
  }
});

test.each([
  ["details~one", "~two", "details~two"],
  ["details~one", "others~two", "others~two"],
  ["plain", "~two", undefined],
  [undefined, "~two", undefined],
])("of an operation on %s the version %s is %s", (base, version, expected) => {
  const session = open();
  session.handleOperation(operation(1, base === undefined ? {} : { base }), false, 10);
  expect(pushed(session, 10)).toEqual([1]);
  session.handleMessage({ results: [{ op: 1, status: "applied", position: 7, version }], position: 7 }, 20);
  const told = session.pollStore(20);
  expect(told && "settled" in told && "result" in told.settled ? told.settled.result.version : undefined).toBe(expected);
  // What nobody can complete is no answer: the operation stays.
  expect([session.isOpen(), session.held()]).toEqual(expected === undefined ? [false, 1] : [true, 0]);
});

test("waits grow with failures and a network that stays shortens none", () => {
  const session = open();
  let nowMs = 1;
  for (const boundMs of [1_000, 2_000, 4_000, 8_000, 16_000, RETRY_MS_MAX, RETRY_MS_MAX]) {
    session.handleDisconnected("broken", nowMs);
    session.handleNetwork(true, nowMs);
    expect(session.pollConnection(nowMs + boundMs - 1)).toBeUndefined();
    expect(session.pollDeadline(nowMs)).toBe(nowMs + boundMs);
    nowMs += boundMs;
    expect(session.pollConnection(nowMs)).toBeDefined();
  }
  session.handleDisconnected("broken", nowMs);
  session.handleNetwork(false, nowMs);
  expect([session.pollConnection(nowMs + RETRY_MS_MAX), session.pollDeadline(nowMs)]).toEqual([undefined, undefined]);
  session.handleNetwork(true, nowMs);
  expect(session.pollConnection(nowMs), "a network that is back is tried at once").toBeDefined();
});

test("how long the next attempt waits is drawn by lot", () => {
  const waits = [0, 0.25, 0.5, 0.75].map((random) => {
    const session = open({}, () => random);
    session.handleDisconnected("broken", 0);
    return session.pollDeadline(-1);
  });
  expect(waits).toEqual([0, 250, 500, 750]);
});

test.each([
  ["restarting" as const, 1_000],
  [{ afterMs: 5_000 }, 6_000],
  [{ afterMs: 1e9 }, 3_601_000],
])("after %j the next attempt waits for at most %d ms", (lost, mostMs) => {
  const session = open();
  for (let failures = 0; failures < 3; failures++) {
    session.handleDisconnected(lost, 0);
    expect(session.pollDeadline(-1)).toBe(mostMs);
    expect(session.pollConnection(mostMs)).toBeDefined();
  }
});

test("a silent connection is given up, and what was sent is sent again", () => {
  const session = open();
  handIn(session, 1, 0);
  expect(pushed(session, 0)).toEqual([1]);
  session.handleTraffic(5);
  expect(session.pollDeadline(5)).toBe(5 + 2 * HEARTBEAT_MS);
  session.handleTime(4 + 2 * HEARTBEAT_MS);
  expect(session.isOpen()).toBe(true);
  session.handleTime(5 + 2 * HEARTBEAT_MS);
  expect(session.pollConnection(100_000)).toEqual({ close: 1001 });
  session.handleDisconnected("unauthorised", 100_000);
  expect(session.pollConnection(200_000)).toEqual({ connect: { needsToken: true } });
  greet(session, 200_000);
  expect(pushed(session, 200_000)).toEqual([1]);
});

test("a token that is not good any more is not waited with, and any other problem that stays is", () => {
  for (const [code, waitMs, needsToken] of [["ACCESS_TOKEN_INVALID", 1_000, true], ["CLIENT_OF_ANOTHER", RETRY_MS_MAX, false]] as const) {
    const session = open();
    session.handleMessage({ problem: { code, detail: "", retryable: false } }, 0);
    expect(session.pollConnection(0)).toEqual({ close: 1000 });
    session.handleDisconnected("broken", 0);
    expect(session.pollConnection(waitMs - 1)).toBeUndefined();
    expect(session.pollConnection(waitMs)).toEqual({ connect: { needsToken } });
  }
});

const page = (cursor: string, more: object = {}): HubMessage => ({ view: 0, changes: [], cursor, more: false, ...more });

test("changes wait until what was sent before the connection was lost is answered", () => {
  const session = open();
  handIn(session, 1, 0);
  expect(pushed(session, 0)).toEqual([1]);
  session.handleDisconnected("broken", 0);
  expect(session.pollConnection(1_000)).toBeDefined();
  greet(session, 1_000);
  session.handleMessage(page("1:5", { snapshot: true }), 1_000);
  expect(session.pollStore(1_000)).toBeUndefined();
  expect(pushed(session, 1_000)).toEqual([1]);
  expect(session.pollStore(1_000)).toBeUndefined();
  answer(session, [1], "duplicate", 1_000);
  expect(session.pollStore(1_000)).toHaveProperty("settled");
  expect(session.pollStore(1_000)).toMatchObject({ view: 0, begins: true });
});

test("what is stored is acknowledged once an eighth of the window is, or half a second later", () => {
  const session = open({ window: 16 });
  const store = (position: number, nowMs: number): ClientMessage | undefined => {
    session.handleMessage(page(`1:${position}`, position === 1 ? { snapshot: true } : {}), nowMs);
    if (position === 1) expect(session.pollMessage(nowMs), "not before it is stored").toBeUndefined();
    stored(session, nowMs);
    return session.pollMessage(nowMs);
  };
  expect(store(1, 0)).toBeUndefined();
  expect(session.pollDeadline(0)).toBe(500);
  expect(store(2, 10)).toEqual({ ack: { view: 0, cursor: "1:2" } });
  expect(store(3, 20)).toBeUndefined();
  expect(session.pollMessage(519)).toBeUndefined();
  expect(session.pollMessage(520)).toEqual({ ack: { view: 0, cursor: "1:3" } });
});

test.each([
  ["changes of a view that is not followed", [page("1:1", { snapshot: true, view: 1 })]],
  ["changes before any snapshot", [page("1:1")]],
  ["a cursor that goes back", [page("1:5", { snapshot: true }), page("1:4")]],
  ["a cursor of another life of the hub", [page("1:5", { snapshot: true }), page("2:6")]],
  ["the log within a snapshot", [page("1:5.place", { snapshot: true }), page("1:6")]],
  ["more than the window has", Array.from({ length: 9 }, () => page("1:5.place", { snapshot: true }))],
  ["a second welcome", [{ welcome: WELCOME }]],
])("%s is nothing that a hub says", (_, messages) => {
  const session = open();
  for (const message of messages) {
    expect(session.isOpen()).toBe(true);
    session.handleMessage(message, 0);
  }
  expect(session.pollConnection(0)).toEqual({ close: 1002 });
});

test("a snapshot that begins while another is under way is told from the rest of it", () => {
  const session = open();
  const begins = (place: string, is: object): boolean | undefined => {
    session.handleMessage(page(`1:5.${place}`, { snapshot: true, ...is }), 0);
    const store = session.pollStore(0);
    session.handleStored();
    return store && "page" in store ? store.begins : undefined;
  };
  const told = [begins("t1", { begins: true }), begins("t2", {}), begins("t3", { begins: true }), begins("t4", {})];
  expect(told).toEqual([true, false, true, false]);
});

test("a view that begins anew again and again does so at once only some times", () => {
  const session = newSession({ client: "phone", follows: [{}], accept: [], window: 8, random: () => 0.999_999 });
  let anew = 0;
  for (; session.pollConnection(0) !== undefined && anew < 100; anew++) {
    greet(session, 0);
    session.handleViews([{}], 0);
    expect(session.pollConnection(0)).toEqual({ close: 1000 });
    session.handleDisconnected("broken", 0);
  }
  expect(anew).toBe(1 + COMES_BACK_MAX);
  // Once one has lasted the next is made at once.
  const nowMs = session.pollDeadline(0) ?? 0;
  expect(session.pollConnection(nowMs)).toHaveProperty("connect");
  greet(session, nowMs);
  session.handleViews([{}], nowMs + LASTED_MS);
  session.pollConnection(nowMs + LASTED_MS);
  session.handleDisconnected("broken", nowMs + LASTED_MS);
  expect(session.pollConnection(nowMs + LASTED_MS)).toHaveProperty("connect");
});

test("a hub that finds short again what was said in full is asked again later, and not at once", () => {
  const session = open();
  handIn(session, 1, 0);
  let pushes = 0;
  for (; pushed(session, 0) && pushes < 100; pushes++) answer(session, [1], "behind", 0, "BASE_SHORT");
  expect(pushes).toBe(3);
  expect(pushed(session, RETRY_MS_MAX)).toEqual([1]);
});

test("a network that carries only small pushes carries a long queue all the same, and the pushes grow with what is answered", () => {
  const session = open();
  const count = 400;
  for (let op = 1; op <= count; op++) session.handleOperation(operation(op, { set: { "/text": "x".repeat(20_000) } }), false, 0);
  const sizes: number[] = [];
  let answered = 0;
  for (let nowMs = 0, rounds = 0; answered < count; nowMs += RETRY_MS_MAX, rounds++) {
    expect(rounds).toBeLessThan(200);
    if (!session.isOpen()) {
      expect(session.pollConnection(nowMs)).toHaveProperty("connect");
      greet(session, nowMs);
    }
    const push = pushed(session, nowMs) ?? [];
    sizes.push(push.length);
    if (push.length > 20) session.handleDisconnected("broken", nowMs);
    else {
      answer(session, push, "applied", nowMs);
      answered += stored(session, nowMs).length;
    }
  }
  expect(sizes[0]).toBeGreaterThan(200);
  const smallest = sizes.findIndex((size) => size <= 20);
  expect(sizes.slice(0, smallest), "each is smaller than the one before").toEqual([...sizes.slice(0, smallest)].sort((a, b) => b - a));
  expect(sizes.some((size, at) => at > smallest && size > (sizes[smallest] ?? 0)), "and grows again").toBe(true);
});

test("an operation that is too large by itself waits, and a person is told once a connection", () => {
  const session = open();
  handIn(session, 1, 0);
  expect(pushed(session, 0)).toEqual([1]);
  answer(session, [1], "behind", 0, "BODY_TOO_LARGE");
  expect(session.pollProblem()?.code).toBe("BODY_TOO_LARGE");
  expect(pushed(session, RETRY_MS_MAX)).toEqual([1]);
  answer(session, [1], "behind", RETRY_MS_MAX, "BODY_TOO_LARGE");
  expect([session.pollProblem(), session.held()]).toEqual([undefined, 1]);
});

test.each(["\0", "\n", '"', "\\", "é", "😀", "\u2028", "a"])("no push of texts full of %j is larger than the longest message", (character) => {
  const session = open();
  const text = character.repeat((1 << 20) / character.length);
  for (let op = 1; op <= 20; op++) session.handleOperation(operation(op, { set: { "/text": text } }), false, 0);
  for (let message; (message = session.pollMessage(GATHER_MS)); ) {
    const ops = "push" in message ? message.push : [];
    expect(ops.length === 1 || new TextEncoder().encode(JSON.stringify(ops)).length <= WELCOME.limits.message_bytes).toBe(true);
  }
});
