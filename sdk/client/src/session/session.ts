/**
 * The client's end of a live connection, and of those that follow it: a machine without socket, clock and randomness.
 *
 * It holds what is under way; the queue of operations and the records are the shell's. It never gives an operation up: what it
 * holds leaves it with an answer only. Each method either takes note of something (`handle…`) or says what to do next
 * (`poll…`); times are milliseconds of a clock that never goes back. How a shell drives it:
 *
 * 1. It hands in the operations of its queue, oldest first, as long as there is `room`. What is set aside it does not hand in.
 * 2. `pollConnection` says when to connect and when to close; the shell tells what came of it with `handleConnected` and
 *    `handleDisconnected`.
 * 3. What arrives goes to `handleMessage`, any other sign of life to `handleTraffic`; what `pollMessage` answers is sent.
 * 4. `pollStore` answers what to make durable, in this order. After a page that is `handleStored`; until then the page is not
 *    acknowledged, no other is handed out and no new connection is made.
 * 5. It sleeps until `pollDeadline` and calls `handleTime`.
 *
 * A result overtakes changes, since it tells a whole state; a change never overtakes a result. What was sent on a connection
 * that was lost may have been applied: it is sent again first, and changes are held back until it is answered, or they would
 * show it twice. After a restart nobody knows what was sent, so what is handed in before the first `welcome` counts as sent.
 */

import { PROTOCOL_VERSION, PUSH_OPERATIONS_MAX } from "../protocol/limits.js";
import type { ClientMessage, Follow, HubMessage, Page, Problem, Result, Stretch, Welcome } from "../protocol/message.js";
import type { Operation } from "../protocol/operation.js";
import { withDetailsOf } from "../protocol/token.js";
import type { Settled } from "../store/side.js";
import * as limits from "./limits.js";
import { newQueue } from "./queue.js";
import { newView, receive, store, type View } from "./view.js";

/** What a session is given. */
export interface SessionFacts {
  /** The name by which the hub knows the client. */
  readonly client: string;
  /** What is followed, each from its stored cursor on. */
  readonly follows: readonly Follow[];
  /** Codings of messages that the shell reads. */
  readonly accept: readonly string[];
  readonly window?: number;
  /** Returns a number from 0 to below 1, another one each time. */
  readonly random: () => number;
}

/** What a session says of the connection: make one, perhaps with a new access token; or end it. */
export type Wanted = { readonly connect: { readonly needsToken: boolean } } | { readonly close: number };

/** How a connection ended, or came to nothing. */
export type Lost =
  /** It broke, or could not be made. */
  | "broken"
  /** The hub stops (1001): it comes back at once. */
  | "restarting"
  /** The access token was refused (401, 1008). */
  | "unauthorised"
  /** The hub asks to come back later (503, 429, 1013). */
  | { readonly afterMs: number };

/** What a shell is to make durable, or to look at once everything before is durable. */
export type ToStore =
  | { readonly settled: Settled }
  /** `begins`: whether a snapshot begins with the page. */
  | { readonly page: Page; readonly view: number; readonly begins: boolean }
  /** What the records of a view add up to: the shell compares and says so with `handleChecked`. */
  | { readonly checksum: { readonly view: number; readonly cursor: string; readonly sum: string } }
  /** A view begins anew: the shell says with `handleHoldings` what it holds of it. */
  | { readonly anew: { readonly view: number } };

export type Session = ReturnType<typeof newSession>;

/** The codes of what waits until somebody does something about it: a person is told. */
const WAITS = new Set(["PUSH_HELD", "BODY_TOO_LARGE"]);

/** The codes of what was said too shortly: it is said in full at once. */
const SHORT = new Set(["BASE_SHORT", "DELTA_DOES_NOT_FIT"]);

const DONE = 1000;
const GOING_AWAY = 1001;
const VIOLATION = 1002;

const atMost = (value: number | undefined, most: number): number => Math.min(Math.max(value ?? most, 1), most);

/** Returns a session that is not connected. */
export function newSession({ client, follows, accept, window = limits.WINDOW, random }: SessionFacts) {
  const queue = newQueue();
  let views = follows.map(newView);
  let state: "off" | "connecting" | "greeting" | "open" | "closing" = "off";
  /** Of a connection: since when it stands so, and when something was heard last. */
  let sinceMs = 0;
  let heardMs = 0;
  /** Without one: when the next is made. */
  let untilMs = 0;
  /** Of one that greets or closes: whether that was said. */
  let isSaid = false;
  let closing = { code: DONE, lasted: false, comesBack: false };
  let welcome: Welcome | undefined;
  let isOnline = true;
  let needsToken = false;
  let wasWelcome = false;
  /** Failures in a row; without end where the same cannot succeed. */
  let failures = 0;
  /**
   * About how large a push is: less after each connection that ended with one unanswered, since the network may not carry it before
   * the hub gives up, or something on the way takes no such message; more with each that is answered.
   */
  let pushBytes = limits.PUSH_BYTES;
  /** Counters of the unanswered pushes, oldest first. */
  let pushes: number[][] = [];
  let settled: Settled[] = [];
  let pages: Exclude<ToStore, { settled: Settled }>[] = [];
  /** The page that the shell has and has not stored. */
  let storing: { readonly view: View; readonly cursor: string; isLost: boolean } | undefined;
  /** Messages with changes of this connection that are not acknowledged, and since when something is to be. */
  let unacknowledged = 0;
  let ackSinceMs: number | undefined;
  let checks: ClientMessage[] = [];
  let problem: Problem | undefined;
  /** Whether it was said since the last connection began that operations wait for an operator. */
  let isHoldTold = false;
  let backedUp: number | undefined;

  const close = (code: number, comesBack: boolean, nowMs: number): void => {
    if (state === "closing" || state === "off") return;
    const lasted = state === "open" && nowMs - sinceMs >= limits.LASTED_MS && failures !== Infinity;
    closing = { code, lasted, comesBack };
    state = "closing";
    isSaid = false;
    welcome = undefined;
  };
  const violated = (nowMs: number): void => close(VIOLATION, false, nowMs);

  const say = (message: ClientMessage): void => {
    if (state === "open" && checks.length < limits.CHECKS_MAX) checks.push(message);
  };

  const room = (isUrgent: boolean): number => {
    const most = limits.OPERATIONS_HELD_MAX + (isUrgent ? PUSH_OPERATIONS_MAX : 0);
    return Math.max(0, most - queue.count() - settled.length);
  };

  /** When the connection counts as dead. */
  const timeoutMs = (): number | undefined => {
    if (state === "connecting") return sinceMs + limits.CONNECT_MS_MAX;
    if (state === "greeting") return sinceMs + limits.HELLO_MS_MAX;
    return welcome && heardMs + 2 * atMost(welcome.heartbeat_ms, limits.HEARTBEAT_MS_MAX);
  };

  const handleWelcome = (said: Welcome, nowMs: number): void => {
    if (!(said.protocol >= 1 && said.protocol <= PROTOCOL_VERSION) || said.window === 0) return violated(nowMs);
    wasWelcome = true;
    isHoldTold = false;
    backedUp = said.backed_up;
    welcome = said;
    state = "open";
    sinceMs = heardMs = nowMs;
  };

  /** Whatever was wrong, operations stay: they are sent again, where another token does not help much later. */
  const handleProblem = (said: Problem, nowMs: number): void => {
    if (/^ACCESS_TOKEN_/.test(said.code)) {
      needsToken = true;
    } else {
      problem = said;
      if (!said.retryable) failures = Infinity;
    }
    close(DONE, false, nowMs);
  };

  const handleResults = (results: readonly Result[], nowMs: number): void => {
    const push = pushes.shift();
    if (push?.length !== results.length || results.some(({ op }, index) => push[index] !== op)) return violated(nowMs);
    pushBytes = Math.min(2 * pushBytes, limits.PUSH_BYTES);
    const later: [counter: number, waits: boolean][] = [];
    for (const told of results) {
      const operation = queue.get(told.op);
      if (!operation) continue;
      const version = told.version === undefined ? undefined : withDetailsOf(told.version, operation.base);
      // A short token that nobody can complete is no answer.
      if (told.version !== undefined && version === undefined) {
        violated(nowMs);
        break;
      }
      const { op, status } = told;
      if (status === "behind") {
        const code = told.problem?.code ?? "";
        if (WAITS.has(code) && !isHoldTold) {
          isHoldTold = true;
          problem = told.problem;
        }
        later.push([op, !SHORT.has(code)]);
        continue;
      }
      const result = version === undefined ? told : { ...told, version };
      const isRefused = status === "rejected" || status === "rebase";
      const asked = isRefused ? queue.refuse(op) : [];
      if (!isRefused) queue.settle(op);
      settled.push({ operation, result, asked });
    }
    for (const [operation, because] of queue.postpone(later, nowMs)) settled.push({ operation, because });
  };

  const handleChanges = (index: number, page: Page, nowMs: number): void => {
    const view = views[index];
    const begins = view && receive(view, page);
    if (begins === undefined || unacknowledged >= atMost(welcome?.window, limits.WINDOW_MAX)) return violated(nowMs);
    unacknowledged += 1;
    pages.push({ page, view: index, begins });
  };

  /** Acknowledges what is stored, many messages at once: the hub needs to know before its window is full, and some day. */
  const pollAck = (nowMs: number): ClientMessage | undefined => {
    const index = views.findIndex((view) => view.ack);
    const view = views[index];
    if (!view?.ack) return undefined;
    ackSinceMs ??= nowMs;
    const enough = Math.max(1, Math.floor((welcome?.window ?? 1) / limits.ACK_PARTS));
    if (ackSinceMs + limits.ACK_WAIT_MS_MAX > nowMs && unacknowledged < enough) return undefined;
    const { cursor, count } = view.ack;
    view.ack = undefined;
    unacknowledged -= count;
    if (!views.some((other) => other.ack)) ackSinceMs = undefined;
    return { ack: { view: index, cursor } };
  };

  const pollPush = (nowMs: number): ClientMessage | undefined => {
    const unanswered = pushes.length;
    if (!welcome || unanswered >= limits.PUSHES_UNANSWERED_MAX || queue.count() === 0) return undefined;
    const { count, sinceMs: waitsSinceMs, isUrgent } = queue.ready(nowMs);
    if (waitsSinceMs === undefined) return undefined;
    const hasGathered = count >= limits.GATHER_OPERATIONS || waitsSinceMs + limits.GATHER_MS <= nowMs;
    const goes = unanswered === 0 || (unanswered < limits.PUSHES_UNANSWERED && hasGathered);
    if (!goes && !isUrgent) return undefined;
    const { push_operations, message_bytes } = welcome.limits;
    const free = limits.OPERATIONS_UNANSWERED_MAX - pushes.reduce((sum, push) => sum + push.length, 0);
    const bytes = Math.min(pushBytes, message_bytes / 2);
    const push = queue.take(nowMs, Math.min(atMost(push_operations, PUSH_OPERATIONS_MAX), free), bytes, isUrgent);
    if (push.length === 0) return undefined;
    pushes.push(push.map(({ op }) => op));
    return { push };
  };

  return {
    /** Returns how many more operations are taken in. */
    room,

    /** Returns how many operations are held: neither answered nor set aside. */
    held: (): number => queue.count(),

    isOpen: (): boolean => state === "open",

    /** Returns what the hub said to its welcome, while the connection is open. */
    welcome: (): Welcome | undefined => welcome,

    /** The shell hands in an operation, after all earlier ones of its lane; `false` where there is no room. */
    handleOperation(operation: Operation, isUrgent: boolean, nowMs: number): boolean {
      const fits = room(isUrgent) > 0;
      if (fits) queue.add(operation, isUrgent, !wasWelcome, undefined, nowMs);
      return fits;
    },

    /** The shell hands in an operation that may have been applied although this one was refused before it. */
    handleAsked(operation: Operation, refused: number, nowMs: number): boolean {
      const fits = room(false) > 0;
      if (fits) queue.add(operation, false, true, refused, nowMs);
      return fits;
    },

    /** The shell follows other views from now on, or the same ones from elsewhere. An open connection is made anew. */
    handleViews(next: readonly Follow[], nowMs: number): void {
      views = next.map(newView);
      pages = [];
      if (state === "open" || (state === "greeting" && isSaid)) close(DONE, true, nowMs);
    },

    /** Whether there is a network and the client wants one: with it again the next attempt does not wait. */
    handleNetwork(is: boolean, nowMs: number): void {
      const was = isOnline;
      isOnline = is;
      if (!is) return close(DONE, false, nowMs);
      if (state === "off" && !was) {
        failures = 0;
        untilMs = Math.min(untilMs, nowMs);
      }
    },

    /** The connection that was asked for is there. */
    handleConnected(nowMs: number): void {
      needsToken = false;
      for (const view of views) view.received = view.follow.cursor;
      state = "greeting";
      isSaid = false;
      sinceMs = nowMs;
    },

    /** The connection ended, or could not be made. */
    handleDisconnected(lost: Lost, nowMs: number): void {
      const isClosing = state === "closing";
      const lasted = state === "open" && nowMs - sinceMs >= limits.LASTED_MS;
      if (isClosing ? closing.lasted : lasted) failures = 0;
      queue.lose();
      if (pushes.length > 0) pushBytes = Math.max(pushBytes / 2, limits.PUSH_BYTES_MIN);
      pushes = [];
      pages = [];
      checks = [];
      ackSinceMs = undefined;
      unacknowledged = 0;
      for (const view of views) view.ack = undefined;
      if (storing) storing.isLost = true;
      welcome = undefined;
      const jitter = (boundMs: number): number => Math.floor(random() * (boundMs + 1));
      let waitMs = jitter(Math.min(limits.RETRY_MS_FIRST * 2 ** failures, limits.RETRY_MS_MAX));
      if (lost === "restarting") waitMs = jitter(limits.RETRY_MS_FIRST);
      if (typeof lost === "object") waitMs = Math.min(lost.afterMs, limits.LATER_MS_MAX) + jitter(limits.RETRY_MS_FIRST);
      // One that is made anew again and again does not get better by that.
      if (isClosing && closing.comesBack && failures < limits.COMES_BACK_MAX) waitMs = 0;
      if (lost === "unauthorised") needsToken = true;
      failures += 1;
      state = "off";
      untilMs = nowMs + waitMs;
    },

    /** A message arrived. */
    handleMessage(message: HubMessage, nowMs: number): void {
      if (state === "off" || state === "closing") return;
      heardMs = nowMs;
      if ("problem" in message) handleProblem(message.problem, nowMs);
      else if ("welcome" in message && state === "greeting" && isSaid) handleWelcome(message.welcome, nowMs);
      else if (state !== "open") violated(nowMs);
      else if ("results" in message) handleResults(message.results, nowMs);
      else if ("changes" in message) handleChanges(message.view, message, nowMs);
      else if ("backed_up" in message) backedUp = message.backed_up;
      else if ("checksum" in message || "anew" in message) {
        // What is not wanted any more costs nothing.
        if (pages.length < 2 * limits.WINDOW_MAX) pages.push(message);
      } else violated(nowMs);
    },

    /** Something arrived, if only a ping. */
    handleTraffic(nowMs: number): void {
      heardMs = nowMs;
    },

    /** The shell has stored the page that it was given. */
    handleStored(): void {
      if (storing) store(storing.view, storing.cursor, storing.isLost);
      storing = undefined;
    },

    /** The shell wants to know what the records of a view add up to; it hears, unless the hub has no time. */
    handleCheck: (view: number): void => say({ check: { view } }),

    /** The shell has compared. */
    handleChecked: (view: number, equal: boolean): void => say({ checked: { view, equal } }),

    /** The shell says what it holds of a view that begins anew. */
    handleHoldings: (view: number, stretches: readonly Stretch[]): void => say({ holds: { view, stretches } }),

    /** Time has passed, perhaps beyond `pollDeadline`. */
    handleTime(nowMs: number): void {
      if ((timeoutMs() ?? Infinity) <= nowMs) close(GOING_AWAY, false, nowMs);
    },

    /** Returns what to do about the connection. */
    pollConnection(nowMs: number): Wanted | undefined {
      if (state === "off" && untilMs <= nowMs && isOnline && !storing) {
        state = "connecting";
        sinceMs = nowMs;
        return { connect: { needsToken } };
      }
      if (state !== "closing" || isSaid) return undefined;
      isSaid = true;
      return { close: closing.code };
    },

    /** Returns the next message to send. Ask only when the connection can take one. */
    pollMessage(nowMs: number): ClientMessage | undefined {
      if (state === "greeting" && !isSaid) {
        isSaid = true;
        const hello = { protocol: PROTOCOL_VERSION, client, views: views.map(({ follow }) => follow), accept, window };
        return { hello };
      }
      if (state !== "open") return undefined;
      return pollAck(nowMs) ?? checks.shift() ?? pollPush(nowMs);
    },

    /** Returns the next thing to make durable. */
    pollStore(nowMs: number): ToStore | undefined {
      const next = settled.shift();
      if (next) {
        queue.tellRefused(next.operation.op);
        return { settled: next };
      }
      if (storing || pages.length === 0 || queue.isSettling(nowMs)) return undefined;
      const page = pages.shift();
      const view = page && "page" in page ? views[page.view] : undefined;
      if (page && "page" in page && view) storing = { view, cursor: page.page.cursor, isLost: false };
      return page;
    },

    /** Takes up to where a backup of the hub has everything, if that was told and not taken yet. */
    pollBackedUp(): number | undefined {
      const taken = backedUp;
      backedUp = undefined;
      return taken;
    },

    /** Takes what was wrong last, for a person to be told. */
    pollProblem(): Problem | undefined {
      const taken = problem;
      problem = undefined;
      return taken;
    },

    /** Returns when to call `handleTime` and ask again, whatever else happens. What could be sent already is no reason to wake up. */
    pollDeadline(nowMs: number): number | undefined {
      const deadlines: (number | undefined)[] = [];
      if (state === "off" && isOnline && !storing) deadlines.push(untilMs);
      if (state === "open") {
        const ready = queue.ready(nowMs);
        deadlines.push(ready.nextMs);
        if (ready.sinceMs !== undefined && pushes.length < limits.PUSHES_UNANSWERED) deadlines.push(ready.sinceMs + limits.GATHER_MS);
      }
      if (ackSinceMs !== undefined) deadlines.push(ackSinceMs + limits.ACK_WAIT_MS_MAX);
      const ahead = deadlines.filter((atMs): atMs is number => atMs !== undefined && atMs > nowMs);
      const first = Math.min(...ahead, timeoutMs() ?? Infinity);
      return first === Infinity ? undefined : first;
    },
  };
}
