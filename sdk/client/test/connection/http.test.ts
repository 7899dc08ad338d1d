/** A hub over plain HTTP of which the test is the other end: proxies in front of it, other lives of it, and answers that are none. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { openEvents } from "../../src/connection/events.js";
import { openPoll } from "../../src/connection/poll.js";
import { lostBy, refusalOf, textOf, type Connection, type Open, type Trouble } from "../../src/connection/transport.js";
import { ANSWER_BYTES_MAX } from "../../src/protocol/limits.js";
import type { HubMessage, Result } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import type { Lost } from "../../src/session/session.js";

const [LIFE, OTHER_LIFE] = ["00000000000000000000000000000001", "00000000000000000000000000000002"];
const NEVER = new Promise<never>(() => {});

interface Push {
  readonly client: string;
  readonly ops: readonly Operation[];
}

let messages: HubMessage[] = [];
let lost: [Lost, Trouble | undefined][] = [];
/** The pushes that came to the hub. */
let pushed: number[][] = [];
/** What answers a push, and what a pull that has a cursor. */
let onPush: (push: Push, bytes: number) => Response;
let onPull: () => Response | Promise<never>;
let onEvents: () => Response;

const page = (life = LIFE): Response => Response.json({ changes: [], cursor: `${life}:5`, more: false });
const results = (ops: readonly Operation[], status = "applied", life = LIFE): Response => {
  return Response.json({ results: ops.map(({ op }) => ({ op, status })), cursor: `${life}:6` });
};

beforeEach(() => {
  [messages, lost, pushed] = [[], [], []];
  onPush = ({ ops }) => results(ops);
  onPull = () => NEVER;
  onEvents = () => new Response(null, { status: 500 });
  let pulls = 0;
  vi.stubGlobal("fetch", async (url: string, { body }: { body?: string } = {}) => {
    if (url.includes("/v1/events")) return onEvents();
    if (url.includes("/v1/pull")) return pulls++ === 0 ? page() : onPull();
    const push = JSON.parse(body ?? "") as Push;
    const answer = onPush(push, body?.length ?? 0);
    if (answer.ok) pushed.push(push.ops.map(({ op }) => op));
    return answer;
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const ADDRESS = { url: "https://sync.example", token: "sk_a", signal: new AbortController().signal, sum: async () => undefined };

async function open(by: Open = openPoll): Promise<Connection> {
  const connection = await by(ADDRESS, { message: (message) => messages.push(message), traffic: () => {}, lost: (why, trouble) => lost.push([why, trouble]) });
  connection.send({ hello: { protocol: 1, client: "phone", views: [{}] } });
  return connection;
}

const until = (is: () => boolean): Promise<void> => vi.waitFor(() => expect(is()).toBe(true), { timeout: 10_000, interval: 1 });
const isWelcome = (): boolean => messages.some((message) => "welcome" in message);
const told = (): readonly Result[] => messages.flatMap((message) => ("results" in message ? message.results : []));

const operation = (op: number, more: Partial<Operation> = {}): Operation => ({ op, entity: "tasks", id: `t${op}`, at: "2026-11-20T10:00:00.000Z", set: { "/a": "" }, ...more });

test("a push that is too large for a proxy goes in parts, in order, and is answered as one", async () => {
  onPush = ({ ops }, bytes) => (bytes > 1_000 ? new Response("<html>too large</html>", { status: 413 }) : results(ops));
  const connection = await open();
  await until(isWelcome);
  const push = Array.from({ length: 20 }, (_, at) => operation(at + 1, { set: { "/a": "x".repeat(150) } }));
  connection.send({ push });
  await until(() => told().length === push.length);
  expect(pushed.flat()).toEqual(push.map(({ op }) => op));
  expect(told().map(({ op, status }) => [op, status])).toEqual(push.map(({ op }) => [op, "applied"]));
  const requests = pushed.length;
  connection.send({ push: push.map((one) => ({ ...one, op: one.op + 20 })) });
  await until(() => told().length === 2 * push.length);
  expect(pushed.length, "it need not be found out again").toBe(2 * requests);
  expect(lost).toEqual([]);
});

test("an operation that no proxy lets through waits with what comes after it, and holds up nothing else", async () => {
  onPush = ({ ops }, bytes) => (bytes > 1_000 ? new Response(null, { status: 413 }) : results(ops));
  const connection = await open();
  await until(isWelcome);
  const large = operation(2, { set: { "/a": "x".repeat(2_000) } });
  const push = [operation(1), large, operation(3, { id: "t2" }), operation(4), operation(5, { after: [3] })];
  connection.send({ push });
  await until(() => told().length === push.length);
  expect(told().map(({ status }) => status)).toEqual(["applied", "behind", "behind", "applied", "behind"]);
  expect(told()[1]?.problem).toMatchObject({ code: "BODY_TOO_LARGE", retryable: true });
  expect(pushed.flat()).toEqual([1, 4]);
});

test("what comes after an operation that the hub holds back is not sent in the next part", async () => {
  onPush = ({ ops }, bytes) => (bytes > 700 ? new Response(null, { status: 413 }) : results(ops, ops.some(({ op }) => op === 1) ? "behind" : "applied"));
  const connection = await open();
  await until(isWelcome);
  const text = { set: { "/a": "x".repeat(300) } };
  connection.send({ push: [operation(1, text), operation(2, { id: "t1", ...text }), operation(3, text)] });
  await until(() => told().length === 3);
  expect(told().map(({ status }) => status)).toEqual(["behind", "behind", "applied"]);
  expect(pushed).toEqual([[1], [3]]);
});

test.each<[string, (ops: readonly Operation[]) => object]>([
  ["other operations", () => ({ results: [{ op: 9, status: "applied" }], cursor: `${LIFE}:6` })],
  ["fewer operations", () => ({ results: [], cursor: `${LIFE}:6` })],
  ["another life of the hub", ([one]) => ({ results: [{ op: one?.op, status: "applied" }], cursor: `${OTHER_LIFE}:1` })],
])("an answer for %s ends the connection, and no result is told", async (_, answer) => {
  onPush = ({ ops }) => Response.json(answer(ops));
  const connection = await open();
  await until(isWelcome);
  connection.send({ push: [operation(1)] });
  await until(() => lost.length > 0);
  expect([lost[0]?.[0], told()]).toEqual(["broken", []]);
});

test("a page of another life of the hub ends the connection: it is greeted before anything is sent to it", async () => {
  onPull = () => page(OTHER_LIFE);
  await open();
  await until(() => lost.length > 0);
  expect(lost[0]?.[0]).toBe("broken");
  expect(messages.filter((message) => "cursor" in message)).toHaveLength(1);
});

test("a record with a line separator in a text arrives by events", async () => {
  const title = "one\u2028two\u2029three\u0085four";
  const change = { entity: "tasks", id: "t1", position: 5, version: "a", record: { title } };
  const data = JSON.stringify({ changes: [change], cursor: `${LIFE}:5`, more: false });
  expect(data).toContain("\u2028");
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`: hello\n\nevent: changes\nid: 1\ndata: ${data}\n\n`)),
  });
  onEvents = () => new Response(body);
  await open(openEvents);
  await until(() => messages.length === 2 || lost.length > 0);
  expect(lost).toEqual([]);
  expect(messages[1]).toMatchObject({ changes: [{ record: { title } }] });
});

test("what is no answer of a hub ends the connection, and the app is told what it was", async () => {
  onPull = () => new Response("<html>Log in to the Wi-Fi</html>");
  await open();
  await until(() => lost.length > 0);
  expect(lost).toEqual([["broken", { code: "MESSAGE_MALFORMED", detail: expect.not.stringContaining("html") }]]);
});

test("a body without an end is not read to its end", async () => {
  let read = 0;
  const chunk = new Uint8Array(1 << 20).fill(0x20);
  const body = new ReadableStream({
    pull: (controller) => {
      read += chunk.length;
      controller.enqueue(chunk);
    },
  });
  await expect(textOf(new Response(body))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  expect(read).toBeLessThan(2 * ANSWER_BYTES_MAX);
});

test("a refusal is told with the hub's reason; one that is none, or that says later, by how the connection stands", async () => {
  const problem = { code: "TOKEN_ROLE", detail: "no", retryable: false };
  expect(await refusalOf(Response.json(problem, { status: 403 }))).toMatchObject({ problem });
  expect(await refusalOf(new Response("no", { status: 403 }))).toMatchObject({ lost: "broken" });
  expect(await refusalOf(new Response(null, { status: 401 }))).toMatchObject({ lost: "unauthorised" });
  expect(lostBy(new Response(null, { status: 503, headers: { "retry-after": "7" } }))).toEqual({ afterMs: 7_000 });
  for (const after of ["", "0", "-60", "soon"]) expect(lostBy(new Response(null, { status: 429, headers: { "retry-after": after } }))).toBe("broken");
  expect(lostBy(new Response(null, { status: 503 }))).toBe("broken");
});
