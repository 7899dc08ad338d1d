/**
 * A WebSocket to a hub: both ways at once, in the compact form, compressed where the platform can.
 *
 * The address bears a ticket, since a browser sends no headers with a WebSocket; so a refused token is told apart from a hub
 * that cannot be reached. A browser does not show the hub's pings either. Where nothing was heard for longer than those take,
 * the hub is asked over HTTP whether there is something new: if it answers that there is not, nothing was missed, and that is
 * as good as a ping.
 */

import { parse } from "../json/parse.js";
import { readPage } from "../protocol/long.js";
import { CompactReader, CompactWriter } from "../protocol/compact.js";
import { ANSWER_BYTES_MAX } from "../protocol/limits.js";
import type { ClientMessage, Follow } from "../protocol/message.js";
import type { Lost } from "../session/session.js";
import { deflate, inflate } from "./deflate.js";
import { queryOf } from "./query.js";
import { ask, refusalOf, textOf, troubleOf, Unreached, type Address, type Connection, type Listener, type Open, type Trouble } from "./transport.js";

/** What this client uses of a WebSocket; that of browsers and the package `ws` have it. */
export interface Socket {
  binaryType: string;
  // Of `never`: each platform has events of its own, and the classes of all of them must fit.
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}
export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** Shortest text that is compressed, in characters: below it the streams of the platform cost more time than they save. */
const COMPRESSED_MIN = 4_096;

/** After how long without a sign of life the hub is asked, and how long news may then take, in milliseconds: twice 30 s are too long. */
const QUIET_MS = 45_000;
const NEWS_MS = 10_000;

/** Returns what opens WebSockets of a class. */
export const openSocket =
  (of: SocketClass): Open =>
  async (address, listener) => {
    const answer = await ask(address, "tickets", { method: "POST" });
    if (!answer.ok) throw await refusalOf(answer);
    const { ticket } = parse(await textOf(answer)) as { readonly ticket: string };
    const socket = new of(`${address.url.replace(/^http/, "ws")}/v1/live?ticket=${encodeURIComponent(ticket)}`, ["syncline.v1"]);
    socket.binaryType = "arraybuffer";
    address.signal.addEventListener("abort", () => socket.close());
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onclose = () => reject(new Unreached("broken", true));
      // What was wrong is not told; `onclose` follows.
      socket.onerror = () => {};
    });
    return converse(socket, address, listener);
  };

/** Speaks the protocol over an open socket. */
function converse(socket: Socket, address: Address, listener: Listener): Connection {
  const reader = new CompactReader();
  const writer = new CompactWriter();
  let accepts: readonly string[] = [];
  let views: Follow[] = [];
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const end = (code: number): void => {
    isOver = true;
    clearTimeout(timer);
    try {
      socket.close(code);
    } catch {
      // A browser takes 1000 and no other code of the standard.
      socket.close();
    }
  };
  const lose = (lost: Lost, code = 1000, trouble?: Trouble): void => {
    if (isOver) return;
    end(code);
    listener.lost(lost, trouble);
  };
  const later = (run: () => void, ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
    // In Node nobody waits for it alone.
    (timer as { unref?: () => void }).unref?.();
  };
  const probe = async (): Promise<void> => {
    const [follow] = views;
    if (!follow?.cursor) return;
    const answer = await ask(address, `pull?limit=1&${queryOf(follow)}`);
    const page = answer.ok ? readPage(await textOf(answer)) : undefined;
    if (!page || isOver) return;
    if (page.changes.length > 0 || page.more) return later(() => lose("broken"), NEWS_MS);
    listener.traffic();
    isAlive();
  };
  // Whatever becomes of it: the session ends a connection of which nothing is heard.
  const isAlive = (): void => later(() => void probe().catch(() => undefined), QUIET_MS);

  /** Hears a text, or with which code the connection was closed. */
  const hear = (told: string | number): void => {
    if (typeof told === "number") return lose(lostWith(told));
    const message = isOver ? undefined : reader.read(told);
    if (!message) return;
    if ("welcome" in message) {
      writer.incarnation = message.welcome.incarnation;
      accepts = message.welcome.accept ?? [];
    }
    listener.message(message);
  };
  const receive = inOrder(hear, (error) => lose("broken", 1002, troubleOf(error)));
  const post = (data: string | Uint8Array<ArrayBuffer>): void => {
    if (!isOver) socket.send(data);
  };
  const send = inOrder(post, () => lose("broken"));

  socket.onmessage = ({ data }: { data: unknown }) => {
    isAlive();
    if (typeof data === "string") return receive(data);
    const bytes = new Uint8Array(data as ArrayBuffer);
    receive(bytes.length > ANSWER_BYTES_MAX ? Promise.reject(new Error("a message that is too long")) : inflate(bytes));
  };
  // What came in before is heard before.
  socket.onclose = ({ code }: { code: number }) => receive(code);
  const { on } = socket as { on?: (event: "ping", run: () => void) => void };
  on?.call(socket, "ping", () => {
    isAlive();
    listener.traffic();
  });
  isAlive();

  return {
    send(message: ClientMessage): void {
      if ("hello" in message) views = [...message.hello.views];
      if ("ack" in message) views = views.map((view, at) => (at === message.ack.view ? { ...view, cursor: message.ack.cursor } : view));
      for (const text of writer.write(message)) {
        send(text.length >= COMPRESSED_MIN && accepts.includes("deflate") ? deflate(text) : text);
      }
    },
    close: end,
  };
}

/** Returns what hands values on in the order in which they came, at once where none before is still being made. */
function inOrder<T>(use: (value: T) => void, failed: (error: unknown) => void): (value: T | Promise<T>) => void {
  let waiting = 0;
  let tail = Promise.resolve();
  const attempt = (value: T): void => {
    try {
      use(value);
    } catch (error) {
      failed(error);
    }
  };
  return (value) => {
    if (waiting === 0 && !(value instanceof Promise)) return attempt(value);
    waiting += 1;
    // It may fail long before it is its turn.
    const made = Promise.resolve(value).then(
      (ready) => () => attempt(ready),
      (error: unknown) => () => failed(error),
    );
    tail = tail.then(async () => {
      (await made)();
      waiting -= 1;
    });
  };
}

function lostWith(code: number): Lost {
  if (code === 1001 || code === 1012) return "restarting";
  if (code === 1008) return "unauthorised";
  return code === 1013 ? { afterMs: 1_000 } : "broken";
}
