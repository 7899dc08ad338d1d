/**
 * A hub over plain HTTP, where no WebSocket gets through: changes come by a feed (`events.ts`, `poll.ts`), operations go by
 * `POST /v1/push`. It presents itself as a live connection, so the same session is driven whatever the way.
 *
 * - The first page of a feed is what a `welcome` is made of: its cursor says which life of the hub it is. So that is known before
 *   anything is sent.
 * - Pushes are posted one after the other, in order, in parts where a proxy takes no more at once. What came by a feed while one
 *   is under way is told behind its results, since it may hold what those operations did; and there is always an end to that,
 *   since the next push is posted behind it.
 * - A feed is read no further while as many pages wait to be acknowledged as the window has.
 * - A cursor that cannot be used begins the view anew, all of it: what is held is not asked.
 */

import { placeOf } from "../protocol/cursor.js";
import { readPage, readPushAnswer, writePush } from "../protocol/long.js";
import { MESSAGE_BYTES_MAX, PROTOCOL_VERSION, PUSH_OPERATIONS_MAX } from "../protocol/limits.js";
import type { ClientMessage, Follow, HubMessage, Page, Result } from "../protocol/message.js";
import type { Operation } from "../protocol/operation.js";
import { isBehind, nothingStands, stand } from "../session/lane.js";
import { WINDOW } from "../session/limits.js";
import { bytesOf } from "../session/size.js";
import { queryOf } from "./query.js";
import { ask, refusalOf, Refused, textOf, troubleOf, Unreached, type Address, type Connection, type Listener, type Open } from "./transport.js";

/** How often a feed shows a sign of life at least, in milliseconds. */
const HEARTBEAT_MS = 30_000;

/** The status of a request that is too large for whoever answers, which may stand in front of the hub and take less than it. */
const TOO_LARGE = 413;

/** What is said of an operation that is too large by itself: it waits, with its lane, and nothing else does. */
const WAITS = { code: "BODY_TOO_LARGE", detail: "an operation is larger than what stands in front of the hub takes; it waits", retryable: true };

/** A sum that no records have, but by a chance of one in 2^128. */
const OTHER_SUM = "0123456789abcdef".repeat(2);

/** What a feed is given. */
export interface Fed {
  readonly address: Address;
  /** What is followed, from its cursor on. */
  readonly follow: Follow;
  /** Takes a page; kept once the next may come. */
  tell(page: Page): Promise<void>;
  /** Something came in. */
  traffic(): void;
}

/** Brings changes until it throws. */
export type Feed = (fed: Fed) => Promise<never>;

/** Returns what opens a connection whose changes come by a feed. */
export const openHttp =
  (feed: Feed): Open =>
  async (address, listener) =>
    converse(address, listener, feed);

function converse(address: Address, listener: Listener, feed: Feed): Connection {
  let isOver = false;
  let client = "";
  let follows: readonly Follow[] = [];
  let pushQuery = "";
  let window = WINDOW;
  /** Which life of the hub it is. */
  let incarnation: string | undefined;
  let isPushing = false;
  /** About how large a request is at most, in bytes, and operations that are too large by themselves. */
  let bytesMax = Infinity;
  const tooLarge = new Set<number>();
  let backedUp: number | undefined;
  const pushes: (readonly Operation[])[] = [];
  /** What came by a feed while a push was under way. */
  const held: HubMessage[] = [];
  /** Pages that were not acknowledged, and feeds that wait for that. */
  let told: { readonly view: number; readonly cursor: string }[] = [];
  let resumes: (() => void)[] = [];

  const tell = (message: HubMessage): void => {
    if (!isOver) listener.message(message);
  };
  const end = (): void => {
    isOver = true;
    for (const resume of resumes.splice(0)) resume();
  };
  const fail = (error: unknown): void => {
    if (isOver) return;
    // The session ends the connection then.
    if (error instanceof Refused) return tell({ problem: error.problem });
    end();
    listener.lost(error instanceof Unreached ? error.lost : "broken", troubleOf(error));
  };

  /** Takes note of which life of the hub it is that answers, before anything of it is told. */
  const greet = (cursor: string): void => {
    const told = placeOf(cursor)?.incarnation;
    // Another one needs another greeting: what it lacks is sent to it first.
    if (told === undefined || (incarnation ??= told) !== told) throw new Unreached("broken");
  };

  const welcome = (incarnation: string): void => {
    const limits = { push_operations: PUSH_OPERATIONS_MAX, message_bytes: MESSAGE_BYTES_MAX };
    tell({ welcome: { protocol: PROTOCOL_VERSION, incarnation, heartbeat_ms: HEARTBEAT_MS, window, limits } });
  };

  const tellPage = async (view: number, page: Page): Promise<void> => {
    while (told.length >= window && !isOver) await new Promise<void>((resume) => resumes.push(resume));
    if (isOver) throw new Unreached("broken");
    const isFirst = incarnation === undefined;
    greet(page.cursor);
    if (isFirst && incarnation) welcome(incarnation);
    told.push({ view, cursor: page.cursor });
    const message = { view, ...page };
    if (isPushing) held.push(message);
    else tell(message);
  };

  const acknowledge = (view: number, cursor: string): void => {
    const last = told.findLastIndex((one) => one.view === view && one.cursor === cursor);
    told = told.filter((one, at) => one.view !== view || at > last);
    for (const resume of resumes.splice(0)) resume();
  };

  /** Posts operations in one request and returns the results; `undefined` where they are too large for one. */
  const request = async (sent: readonly Operation[]): Promise<readonly Result[] | undefined> => {
    const headers = { "content-type": "application/json" };
    const answer = await ask(address, `push?${pushQuery}`, { method: "POST", headers, body: writePush(client, sent) });
    if (answer.status === TOO_LARGE) {
      await answer.body?.cancel();
      return undefined;
    }
    if (!answer.ok) throw await refusalOf(answer);
    const { results, backed_up, cursor } = readPushAnswer(await textOf(answer));
    greet(cursor);
    if (results.length !== sent.length || results.some(({ op }, at) => op !== sent[at]?.op)) throw new Unreached("broken");
    // Before the results: what is behind it is kept.
    if (backed_up !== undefined && backed_up !== backedUp) tell({ backed_up });
    backedUp = backed_up;
    return results;
  };

  /** Posts a push, in several requests where it is too large for one, and returns the results of all. */
  const carry = async (push: readonly Operation[]): Promise<readonly Result[]> => {
    const told = new Map<number, Result>();
    // What comes after an operation that waits does so, too: of one request the hub says it itself.
    const waits = nothingStands();
    const wait = (operation: Operation): void => {
      stand(waits, operation);
      told.set(operation.op, { op: operation.op, status: "behind", ...(tooLarge.has(operation.op) && { problem: WAITS }) });
    };
    for (let at = 0; at < push.length; ) {
      const sent: Operation[] = [];
      let end = at;
      for (let size = 0; end < push.length; end += 1) {
        const operation = push[end] as Operation;
        if (tooLarge.has(operation.op) || isBehind(waits, operation)) {
          wait(operation);
          continue;
        }
        size += bytesOf(operation);
        if (sent.length > 0 && size > bytesMax) break;
        sent.push(operation);
      }
      const results = sent.length > 0 ? await request(sent) : [];
      if (results) {
        for (const [index, result] of results.entries()) {
          if (result.status === "behind") stand(waits, sent[index] as Operation);
          told.set(result.op, result);
        }
        at = end;
      } else if (sent.length > 1) {
        bytesMax = Math.min(bytesMax, sent.reduce((size, operation) => size + bytesOf(operation), 0)) / 2;
      } else {
        for (const { op } of sent) tooLarge.add(op);
      }
    }
    return push.map(({ op }) => told.get(op) ?? { op, status: "behind" });
  };

  const post = async (): Promise<void> => {
    if (isPushing) return;
    isPushing = true;
    for (let push; !isOver && (push = pushes.shift()); ) {
      const results = await carry(push);
      tell({ results, position: 0 });
      for (const message of held.splice(0)) tell(message);
    }
    isPushing = false;
  };

  /** The hub compares, and says whether it is the same; so the session is told what it can compare with. */
  const check = async (view: number): Promise<void> => {
    const follow = follows[view];
    const held = await address.sum(view);
    if (!follow || !held) return;
    const answer = await ask(address, `pull?limit=1&${queryOf({ ...follow, cursor: held.cursor })}&sum=${held.sum}`);
    const equal = answer.ok ? readPage(await textOf(answer)).equal : undefined;
    // Without an answer something has changed, or the hub has no time.
    if (equal !== undefined) tell({ checksum: { view, cursor: held.cursor, sum: equal ? held.sum : OTHER_SUM } });
  };

  return {
    send(message: ClientMessage): void {
      if ("hello" in message) {
        const { hello } = message;
        client = hello.client;
        window = hello.window ?? WINDOW;
        follows = hello.views;
        const [only, ...others] = follows;
        // The results tell what this names; where there are several views, what the token allows.
        if (only && others.length === 0) pushQuery = queryOf({ ...only, cursor: undefined });
        for (const [view, follow] of follows.entries()) {
          const fed = { address, follow, tell: (page: Page) => tellPage(view, page), traffic: () => isOver || listener.traffic() };
          feed(fed).catch(fail);
        }
      } else if ("push" in message) {
        pushes.push(message.push);
        post().catch(fail);
      } else if ("ack" in message) {
        acknowledge(message.ack.view, message.ack.cursor);
      } else if ("check" in message) {
        check(message.check.view).catch(fail);
      }
      // What came of a comparison the hub knows, and what is held it does not ask.
    },
    close: end,
  };
}
