/** A WebSocket of which the test is the other end: compressed messages, their order, and a hub that is not heard of. */

import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { inflate } from "../../src/connection/deflate.js";
import { openSocket, type Socket, type SocketClass } from "../../src/connection/socket.js";
import type { Connection, Trouble } from "../../src/connection/transport.js";
import type { HubMessage } from "../../src/protocol/message.js";
import type { Lost } from "../../src/session/session.js";

const WELCOME = {
  protocol: 1,
  incarnation: "00000000000000000000000000000001",
  heartbeat_ms: 30_000,
  window: 64,
  limits: { push_operations: 1_000, message_bytes: 8 << 20 },
  accept: ["deflate"],
};

/** The last socket that was opened. */
let opened: FakeSocket;

class FakeSocket implements Socket {
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closed: (number | undefined)[] = [];
  readonly url: string;
  readonly protocols: string[];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
    opened = this;
    queueMicrotask(() => this.onopen?.());
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  /** As a browser does: 1000 and no other code of the standard. */
  close(code?: number): void {
    if (code !== undefined && code !== 1000) throw new Error("InvalidAccessError");
    this.closed.push(code);
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  sayCompressed(text: string, coding = 4): void {
    const body = deflateRawSync(text);
    this.onmessage?.({ data: Uint8Array.from([coding, ...body]).buffer });
  }
}

let messages: HubMessage[] = [];
let lost: Lost[] = [];
let troubles: (Trouble | undefined)[] = [];
let traffic = 0;
/** What the hub answers over HTTP, by path. */
let asked: string[] = [];
let pulled: () => Response = () => new Response(null, { status: 500 });

beforeEach(() => {
  [messages, lost, troubles, traffic, asked] = [[], [], [], 0, []];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return url.endsWith("/tickets") ? Response.json({ ticket: "a ticket" }, { status: 201 }) : pulled();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(): Promise<Connection> {
  const address = { url: "https://sync.example/h/shop", token: "sk_a", signal: new AbortController().signal, sum: async () => undefined };
  const connection = await openSocket(FakeSocket as unknown as SocketClass)(address, {
    message: (message) => messages.push(message),
    traffic: () => (traffic += 1),
    lost: (why, trouble) => {
      lost.push(why);
      troubles.push(trouble);
    },
  });
  connection.send({ hello: { protocol: 1, client: "phone", views: [{ entities: ["tasks"], cursor: "1:5" }] } });
  opened.say(["w", WELCOME]);
  return connection;
}

/** Waits until what the platform does in the background has come to something. */
const until = (is: () => boolean): Promise<void> => vi.waitFor(() => expect(is()).toBe(true), { timeout: 10_000, interval: 1 });

test("the address bears a ticket, and the subprotocol is asked for", async () => {
  await open();
  expect(asked).toEqual(["https://sync.example/h/shop/v1/tickets"]);
  expect(opened.url).toBe("wss://sync.example/h/shop/v1/live?ticket=a%20ticket");
  expect([opened.protocols, opened.binaryType]).toEqual([["syncline.v1"], "arraybuffer"]);
});

test.each([
  [401, {}, "unauthorised"],
  [503, { "retry-after": "7" }, { afterMs: 7_000 }],
  [429, {}, "broken"],
  [500, {}, "broken"],
])("a ticket that is answered %d %j leaves the connection %j", async (status, headers, expected) => {
  vi.stubGlobal("fetch", async () => new Response(null, { status, headers: headers as Record<string, string> }));
  await expect(open()).rejects.toMatchObject({ lost: expected, isOfWay: false });
});

test("a page to log in to the network is no ticket, and said to be none", async () => {
  vi.stubGlobal("fetch", async () => new Response("<html>Log in to the Wi-Fi</html>"));
  await expect(open()).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
});

test("a ticket that is refused tells the hub's reason", async () => {
  const problem = { code: "CLIENT_OF_ANOTHER", detail: "another one speaks as this client", retryable: false };
  vi.stubGlobal("fetch", async () => Response.json(problem, { status: 403 }));
  await expect(open()).rejects.toMatchObject({ problem });
});

test.each<[string, unknown]>([
  ["no message", ["c", "not a view"]],
  ["a text that is none", "secret of somebody"],
])("of %s the app is told that it came, and nothing of what was in it", async (_, message) => {
  await open();
  opened.say(message);
  await until(() => lost.length === 1);
  expect(troubles).toEqual([{ code: "MESSAGE_MALFORMED", detail: expect.not.stringMatching(/secret|not a view/) }]);
});

test("messages are heard in the order in which they came, whether or not they are compressed", async () => {
  await open();
  const large = JSON.stringify(["c", 0, [], "1:7", 2]) + " ".repeat(50_000);
  opened.sayCompressed(large);
  opened.say(["b", 8]);
  opened.sayCompressed(JSON.stringify(["b", 9]));
  opened.onclose?.({ code: 1001 });
  expect(messages.slice(1), "nothing overtakes").toEqual([]);
  await until(() => lost.length > 0);
  expect(messages.slice(1)).toMatchObject([{ cursor: "1:7" }, { backed_up: 8 }, { backed_up: 9 }]);
  expect(lost).toEqual(["restarting"]);
});

test("long messages are sent compressed, in the order in which they were said, and read the same", async () => {
  const connection = await open();
  const text = "so long ".repeat(2_000);
  connection.send({ push: [{ op: 1, entity: "tasks", id: "t1", at: "2026-11-20T10:00:00.000Z", set: { "/text": text } }] });
  connection.send({ check: { view: 0 } });
  await until(() => opened.sent.length === 4);
  const sent = opened.sent.map((data) => (typeof data === "string" ? data : inflateRawSync(data.subarray(1)).toString()));
  expect(sent.map((message) => (JSON.parse(message) as unknown[])[0])).toEqual(["h", "n", "p", "k"]);
  const push = opened.sent[2];
  expect(push).toBeInstanceOf(Uint8Array);
  expect([(push as Uint8Array)[0], sent[2]?.includes(text)]).toEqual([4, true]);
});

test("what is no message of the protocol ends the connection, and nothing after it is heard", async () => {
  for (const spoil of [() => opened.say({ a: 1 }), () => opened.sayCompressed("[]", 1), () => opened.sayCompressed(`["b",1]${" ".repeat(70_000)}`.repeat(250))]) {
    [messages, lost] = [[], []];
    await open();
    spoil();
    opened.say(["b", 9]);
    await until(() => lost.length > 0);
    expect([messages.length, lost, opened.closed.length]).toEqual([1, ["broken"], 1]);
  }
});

test("a compressed message grows to 64 KiB or 250 times its size, and no further", async () => {
  const grown = (length: number, hashes: number): Uint8Array<ArrayBuffer> => {
    // What cannot be made shorter lets the rest grow as far.
    const noise = Array.from({ length: hashes }, (_, at) => createHash("sha256").update(String(at)).digest("base64")).join("");
    return Uint8Array.from([4, ...deflateRawSync(noise.padEnd(length))]);
  };
  expect(await inflate(grown(64 << 10, 0))).toHaveLength(64 << 10);
  await expect(inflate(grown((64 << 10) + 1, 0))).rejects.toThrow();
  const noisy = grown(100_000, 16);
  expect(noisy.length * 250).toBeGreaterThan(100_000);
  expect(await inflate(noisy)).toHaveLength(100_000);
});

test("a connection that was ended is not heard of any more", async () => {
  const connection = await open();
  connection.close(1002);
  opened.say(["b", 9]);
  opened.onclose?.({ code: 1006 });
  expect([messages.length, lost, opened.closed]).toEqual([1, [], [undefined]]);
});

test.each([
  [1000, "broken"],
  [1001, "restarting"],
  [1002, "broken"],
  [1008, "unauthorised"],
  [1012, "restarting"],
  [1013, { afterMs: 1_000 }],
])("a connection that ends with %d is lost as %j", async (code, expected) => {
  await open();
  opened.onclose?.({ code });
  expect(lost).toEqual([expected]);
});

const page = (more: boolean): Response => Response.json({ changes: [], cursor: "1:5", more });

test("a hub that is not heard of is asked whether there is something new, and is alive if there is not", async () => {
  vi.useFakeTimers();
  const connection = await open();
  connection.send({ ack: { view: 0, cursor: "1:7" } });
  pulled = () => page(false);
  await vi.advanceTimersByTimeAsync(45_000);
  expect(asked.at(-1)).toBe("https://sync.example/h/shop/v1/pull?limit=1&entities=tasks&cursor=1%3A7");
  expect([traffic, lost]).toEqual([1, []]);
  await vi.advanceTimersByTimeAsync(45_000);
  expect(traffic).toBe(2);
});

test("news that does not come over the connection ends it", async () => {
  vi.useFakeTimers();
  await open();
  pulled = () => page(true);
  await vi.advanceTimersByTimeAsync(54_999);
  expect([traffic, lost]).toEqual([0, []]);
  await vi.advanceTimersByTimeAsync(1);
  expect(lost).toEqual(["broken"]);
});

test("news that comes over the connection after all does not end it", async () => {
  vi.useFakeTimers();
  await open();
  pulled = () => page(true);
  await vi.advanceTimersByTimeAsync(50_000);
  opened.say(["b", 9]);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(lost).toEqual([]);
});
