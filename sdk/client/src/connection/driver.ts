/**
 * What a tab that holds the connection does: it asks the session what to do next, and does it.
 *
 * It goes on in turns. Each takes in what came over the connection, makes durable what the session asks for, in that order,
 * hands operations of the queue to the session and sends what it has to say; then it sleeps until something happens or the
 * next deadline, with one timer. While something is being stored messages wait, so the store sees one thing after the other.
 *
 * Where one way to the hub does not work the next is tried, and the first again after some minutes, or when the network comes
 * back. If the store fails everything is begun anew from what is stored.
 */

import type { Status, Strategy } from "../api.js";
import { SynclineError } from "../error.js";
import { later } from "../later.js";
import type { HubMessage } from "../protocol/message.js";
import type { Operation } from "../protocol/operation.js";
import { isBehind, laneOf, nothingStands, stand } from "../session/lane.js";
import { PUSH_OPERATIONS_MAX } from "../protocol/limits.js";
import { newSession, type Lost, type Session } from "../session/session.js";
import type { Settled, StoreSide } from "../store/side.js";
import { hubAddress } from "./address.js";
import { codings } from "./deflate.js";
import { newPlan } from "./plan.js";
import { openSocket, type SocketClass } from "./socket.js";
import { troubleOf, Unreached, type Connection, type Open, type Trouble, type Way } from "./transport.js";

export type { Trouble } from "./transport.js";

/** How long to wait after the store failed, in milliseconds: first, and at most where it fails again and again. */
const STORE_RETRY_MS = 1_000;
const STORE_RETRY_MS_MAX = 30_000;

/** How long a token that was refused is not tried again, in milliseconds: what refused it may have been a gateway, or may be mended. */
const REFUSED_AGAIN_MS = 60_000;

/** Longest sleep, in milliseconds: what a timer of the platform can hold. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

/** Messages that wait for the store; a hub that keeps to its window never says so many. */
const HEARD_MAX = 4_096;

/** After how many failures in a row the next way is tried, and after how long the first one again, in milliseconds. */
const FAILURES_MAX = 2;
const FIRST_AGAIN_MS = 300_000;

/** How far the clock of the wall runs ahead of the other one while a device sleeps, in milliseconds, for its connections to count as dead. */
const SLEPT_MS = 30_000;

/** The codes of a WebSocket that is not needed any more, and of one that is not heard of. */
const DONE = 1000;
const GOING_AWAY = 1001;

/** How the connection stands. */
export type NetworkState = Pick<Status, "network" | "transport" | "isUnauthorised">;

/** What a driver is given. */
export interface DriverFacts {
  /** The hub's address without `/v1`. */
  readonly url: string;
  readonly side: StoreSide;
  /** The access token, or what fetches one; it is asked again when the hub refuses the last. */
  readonly token: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  readonly strategy: Strategy;
  /** The ways to the hub, in the order in which they are tried. */
  readonly ways: readonly Way[];
  /** Hears how the connection stands, once something of that has changed, and what went wrong. */
  readonly tell: (state: NetworkState, trouble?: Trouble) => void;
  /** The platform's WebSocket, where it is none of the global names. */
  readonly socket?: SocketClass | undefined;
  /** A clock that never goes back, in milliseconds; random numbers from 0 to below 1. */
  readonly clock?: () => number;
  readonly random?: () => number;
}

/** A driver that was started. */
export interface Driver {
  /** Has it look at what is to do: an edit was queued. `isAnew`: operations may go that were looked at before, as after a refusal was settled. */
  wake(isAnew?: boolean): void;
  /** Sends and fetches all there is. */
  sync(): Promise<void>;
  /** Has the client be offline, or connected as its strategy says. */
  setOnline(isOnline: boolean): void;
  /** Ends the connection, once what is being stored is stored. */
  close(): Promise<void>;
}

/** What a page or a worker of a browser has, and no other platform. */
interface Platform extends Partial<EventTarget> {
  readonly document?: Partial<EventTarget> & { readonly visibilityState?: string };
  readonly WebSocket?: SocketClass;
}

/** What happened of the connection with that number. */
type Heard =
  | { readonly of: number; readonly open: Connection }
  | { readonly of: number; readonly message: HubMessage }
  | { readonly of: number; readonly lost: Lost; readonly isOfWay?: boolean; readonly trouble?: Trouble | undefined };

/** Starts to connect, as the strategy says. */
export function startDriver(facts: DriverFacts): Driver {
  const { side, strategy, tell } = facts;
  const url = hubAddress(facts.url);
  const clock = facts.clock ?? (() => performance.now());
  const random = facts.random ?? Math.random;
  const platform = globalThis as Platform;
  const Socket = facts.socket ?? platform.WebSocket;
  const ways = facts.ways.filter((way) => way !== "websocket" || Socket !== undefined);
  const plan = newPlan(strategy);

  let isClosed = false;
  let isWanted = true;
  /** What the app says, and what the platform says. */
  let staysOffline = false;
  let hasNetwork = true;
  /** Whether the next attempt is not to wait any longer. */
  let isToRetry = false;
  /** How far the clock of the wall is ahead of the one that never goes back, which may stand still while a device sleeps. */
  let aheadMs = Infinity;
  let state: NetworkState = { network: "offline", transport: undefined, isUnauthorised: false };
  let waiting: { readonly number: number; readonly done: () => void; readonly failed: (error: SynclineError) => void }[] = [];

  /** What wakes the driver, while it sleeps, and whether it was woken while it did not. */
  let ring: (() => void) | undefined;
  let isRung = false;
  let readsAnew = false;

  let token = typeof facts.token === "string" ? facts.token : undefined;
  let refused: string | undefined;
  let refusedAtMs = 0;
  /** How long it was waited after the store failed last. */
  let storeRetryMs = 0;

  /** The way that is taken, how often it did not work, and since when the first is not. */
  let way = 0;
  let failures = 0;
  let leftMs = 0;

  const say = (next: Partial<NetworkState>, trouble?: Trouble): void => {
    const now = { ...state, ...next };
    const isSame = now.network === state.network && now.transport === state.transport && now.isUnauthorised === state.isUnauthorised;
    state = isSame ? state : now;
    if (!isSame || trouble) tell(state, trouble);
  };

  const mayConnect = (): boolean => !staysOffline && hasNetwork && ways.length > 0;

  const wake = (): void => {
    isRung = true;
    ring?.();
  };

  const sleep = async (untilMs: number | undefined): Promise<void> => {
    if (!isRung) {
      await new Promise<void>((resolve) => {
        const ms = untilMs === undefined ? undefined : Math.min(Math.max(untilMs - clock(), 0), SLEEP_MS_MAX);
        const timer = ms === undefined ? undefined : setTimeout(resolve, Math.ceil(ms));
        ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    ring = undefined;
    isRung = false;
  };

  const opener = async (): Promise<Open> => {
    const name = ways[way];
    if (name === "websocket" && Socket) return openSocket(Socket);
    // They are no part of what is loaded first; what could not be loaded once Firefox never loads.
    try {
      return name === "events" ? (await later.events()).openEvents : (await later.poll()).openPoll;
    } catch {
      throw new Unreached("broken", true);
    }
  };

  /** Returns the access token; `undefined` where there is none but that which was refused. */
  const fetchToken = async (isRefused: boolean): Promise<string | undefined> => {
    if (isRefused && refused === undefined) [refused, refusedAtMs] = [token, clock()];
    if (typeof facts.token === "function" && (isRefused || token === undefined)) token = (await facts.token()) ?? undefined;
    return isRefused && token === refused && clock() - refusedAtMs < REFUSED_AGAIN_MS ? undefined : token;
  };

  /** Lets the first way be tried again; after so many more failures it is left. */
  const beginWithFirst = (most: number): void => {
    way = 0;
    failures = FAILURES_MAX - most;
  };

  /** Runs one session, until the driver is closed or what waits is to be read anew over another connection. */
  const drive = async (): Promise<void> => {
    const session: Session = newSession({ client: side.client, follows: side.follows(), accept: codings(), random });
    let connection: Connection | undefined;
    let attempt: AbortController | undefined;
    /** Which connection it is; what is heard of former ones is of no interest. */
    let number = 0;
    let heard: Heard[] = [];
    let isGreeted = false;
    let wasGreeted = false;
    let isDifferent = false;
    let backedUp: number | undefined;
    /** The last operation that was read from the queue, and lanes of which texts are edited by operations under way. */
    let readTo = 0;
    const texts = new Set<string>();
    /** Operations that a former life of the hub has applied. */
    const resent = new Set<number>();
    const upToDate = new Set<number>();
    session.handleNetwork(isWanted, clock());

    const lose = (lost: Lost): void => {
      number += 1;
      attempt?.abort();
      connection = undefined;
      isGreeted = false;
      upToDate.clear();
      heard = [];
      session.handleDisconnected(lost, clock());
      say({ network: "offline", transport: undefined });
    };

    const connect = async (of: number, needsToken: boolean, { signal }: AbortController): Promise<Connection> => {
      const access = await fetchToken(needsToken);
      if (access === undefined) {
        say({ isUnauthorised: true });
        throw new Unreached("unauthorised");
      }
      refused = undefined;
      const tellOf = (happened: Heard): void => {
        if (of !== number) return;
        if (heard.length <= HEARD_MAX) heard.push(heard.length < HEARD_MAX ? happened : { of, lost: "broken" });
        wake();
      };
      const open = await opener();
      return open(
        { url, token: access, signal, sum: (view) => side.sum(view) },
        {
          message: (message) => tellOf({ of, message }),
          traffic: () => {
            if (of === number) session.handleTraffic(clock());
          },
          lost: (lost, trouble) => tellOf({ of, lost, trouble }),
        },
      );
    };

    /** A way that does not work makes room for the next. */
    const countFailure = (nowMs: number): void => {
      failures += 1;
      if (failures < FAILURES_MAX || ways.length < 2) return;
      failures = 0;
      way = (way + 1) % ways.length;
      leftMs = nowMs;
    };

    /** Makes or ends the connection as the session says; answers whether it did. */
    const change = (nowMs: number): boolean => {
      const wanted = session.pollConnection(nowMs);
      if (!wanted) return false;
      if ("close" in wanted) {
        // Nobody has answered in time.
        if (wanted.close === GOING_AWAY && !isGreeted) countFailure(nowMs);
        connection?.close(wanted.close);
        lose("broken");
        return true;
      }
      const of = (number += 1);
      const { needsToken } = wanted.connect;
      if (way > 0 && nowMs - leftMs >= FIRST_AGAIN_MS) beginWithFirst(1);
      attempt = new AbortController();
      say({ network: "connecting" });
      void connect(of, needsToken, attempt)
        .then(
          (open): Heard => ({ of, open }),
          (error: unknown): Heard => (error instanceof Unreached ? { of, lost: error.lost, isOfWay: error.isOfWay } : { of, lost: "broken", trouble: troubleOf(error) }),
        )
        .then((happened) => {
          if (of === number) heard.push(happened);
          else if ("open" in happened) happened.open.close(DONE);
          wake();
        });
      return true;
    };

    const hear = (nowMs: number): void => {
      for (const happened of heard.splice(0)) {
        if (happened.of !== number) continue;
        if ("open" in happened) {
          connection = happened.open;
          session.handleConnected(nowMs);
          say({ isUnauthorised: false });
        } else if ("message" in happened) {
          session.handleMessage(happened.message, nowMs);
          if (session.isOpen()) failures = 0;
        } else {
          const cameToNothing = connection !== undefined && !session.isOpen() && happened.lost === "broken";
          if (happened.isOfWay || cameToNothing) countFailure(nowMs);
          lose(happened.lost);
          if (happened.trouble) say({}, happened.trouble);
        }
      }
      const problem = session.pollProblem();
      if (problem) say({}, { code: problem.code, detail: problem.detail });
    };

    const isSynced = (): boolean => state.network === "up-to-date" && side.waiting(0, 1).length === 0;

    /** Tells the session whether the client is to be connected. */
    const connectOrNot = (nowMs: number): void => {
      if (isSynced()) {
        plan.handleSynced(nowMs);
        const done = waiting.filter((one) => one.number <= plan.done);
        waiting = waiting.filter((one) => one.number > plan.done);
        for (const one of done) one.done();
      }
      const wants = mayConnect() && plan.wantsConnection(nowMs);
      if (isToRetry && state.network === "offline") session.handleNetwork(false, nowMs);
      if (isWanted !== wants || isToRetry) session.handleNetwork(wants, nowMs);
      isWanted = wants;
      isToRetry = false;
      const hasSlept = Date.now() - nowMs - aheadMs > SLEPT_MS;
      aheadMs = Date.now() - nowMs;
      const isToReturn = way > 0 && nowMs - leftMs >= FIRST_AGAIN_MS;
      if (session.isOpen() && isToReturn) beginWithFirst(1);
      if (session.isOpen() && (isToReturn || hasSlept)) session.handleViews(side.follows(), nowMs);
    };

    /** Takes note of the hub's incarnation, before anything of the connection is stored or sent; answers whether the queue is to be read anew. */
    const greet = async (): Promise<boolean> => {
      const welcome = session.welcome();
      if (!welcome || isGreeted) return false;
      isGreeted = wasGreeted = true;
      backedUp = welcome.backed_up;
      say({ network: "online", transport: ways[way] });
      return side.greet(welcome);
    };

    const beginAnew = (): void => session.handleViews(side.follows(), clock());

    const storeSettled = async (settled: Settled[]): Promise<void> => {
      if (settled.length === 0) return;
      const { isUnfit } = await side.settle(settled.splice(0), backedUp);
      storeRetryMs = 0;
      if (isUnfit) beginAnew();
    };

    /** Makes durable what the session asks for. */
    const store = async (): Promise<void> => {
      const position = session.pollBackedUp();
      if (position !== undefined) {
        backedUp = position;
        await side.backedUp(position);
      }
      const settled: Settled[] = [];
      for (;;) {
        const next = session.pollStore(clock());
        if (next && "settled" in next) {
          texts.delete(laneOf(next.settled.operation));
          const told = hadAlready(next.settled, resent);
          // The session takes it for refused, and has let go of what comes after it.
          if (told !== next.settled) readsAnew = true;
          settled.push(told);
          continue;
        }
        await storeSettled(settled);
        if (!next) return;
        if ("page" in next) {
          const { isUnfit } = await side.page(next.view, next.page, next.begins);
          storeRetryMs = 0;
          session.handleStored();
          if (isUnfit) beginAnew();
          else if (next.page.more) upToDate.delete(next.view);
          else upToDate.add(next.view);
        } else if ("checksum" in next) {
          await compare(next.checksum.view, next.checksum.cursor, next.checksum.sum);
        } else {
          session.handleHoldings(next.anew.view, await side.holdings(next.anew.view));
        }
      }
    };

    const compare = async (view: number, cursor: string, sum: string): Promise<void> => {
      const isEqual = await side.compare(view, cursor, sum);
      if (isEqual === undefined) return;
      session.handleChecked(view, isEqual);
      plan.handleCompared(isEqual, clock());
      if (isEqual) return;
      await side.beginAnew();
      say({}, { code: "VIEW_DIFFERS", detail: "the records were not those that the hub shows; they are read anew" });
      // Once the hub is told.
      isDifferent = true;
    };

    /** Tells how the connection stands, and asks what the records add up to if it is time. */
    const look = (nowMs: number): void => {
      if (!session.isOpen()) return;
      const follows = side.follows();
      const isUpToDate = upToDate.size === follows.length;
      say({ network: isUpToDate ? "up-to-date" : "online" });
      // What one view of several shows is not known to be what is held: a record may be there for another one.
      const [only] = follows;
      if (isUpToDate && follows.length === 1 && only?.view === undefined && plan.checks(nowMs)) session.handleCheck(0);
    };

    /** Returns whether one waits that does not wait for company: it takes along what does. */
    const isUrgentWaiting = (): boolean => side.waiting(readTo, Infinity).some(({ isUrgent }) => isUrgent);

    /**
     * Hands operations of the queue to the session.
     *
     * Edits of a text wait until those that were handed in before are answered, so that they can be made anew for what the hub
     * answers. Whatever was edited without a connection goes as it is: the hub merges it best.
     */
    const handIn = (nowMs: number): void => {
      if (readsAnew) readTo = 0;
      readsAnew = false;
      // What may have been sent before a restart has to be asked for at once.
      if (wasGreeted && !plan.sends(side.pending() - session.held(), nowMs) && !isUrgentWaiting()) return;
      const before = session.isOpen() ? new Set(texts) : undefined;
      const skipped = nothingStands();
      let first: number | undefined;
      let at = readTo;
      for (let isAnyHanded = true; isAnyHanded; ) {
        isAnyHanded = false;
        // Where it is full only one that does not wait has room.
        const room = Math.min(session.room(false), PUSH_OPERATIONS_MAX) || Math.min(session.room(true), 1);
        for (const { operation, isUrgent, asked, isResent } of room > 0 ? side.waiting(at, room) : []) {
          const lane = laneOf(operation);
          if (before?.has(lane) || isBehind(skipped, operation, lane)) {
            stand(skipped, operation, lane);
            first ??= operation.op;
          } else {
            const isIn = asked === undefined ? session.handleOperation(operation, isUrgent, nowMs) : session.handleAsked(operation, asked, nowMs);
            if (!isIn) break;
            if (operation.text) texts.add(lane);
            if (isResent) resent.add(operation.op);
            side.noteHanded(operation.op);
            isAnyHanded = true;
          }
          at = operation.op;
        }
      }
      readTo = first === undefined ? at : first - 1;
    };

    /** Sends what the session has to say. */
    const speak = (nowMs: number): void => {
      for (let message; connection && (message = session.pollMessage(nowMs)); ) {
        try {
          connection.send(message);
        } catch {
          connection.close(DONE);
          lose("broken");
        }
      }
    };

    try {
      while (!isClosed) {
        hear(clock());
        session.handleTime(clock());
        if (await greet()) return;
        await store();
        // What is due now is done now, and what is not is slept for.
        const nowMs = clock();
        look(nowMs);
        connectOrNot(nowMs);
        handIn(nowMs);
        if (change(nowMs)) continue;
        speak(nowMs);
        if (isDifferent) {
          isDifferent = false;
          beginAnew();
          continue;
        }
        if (heard.length > 0) continue;
        const back = way > 0 && session.isOpen() ? leftMs + FIRST_AGAIN_MS : undefined;
        const deadlines = [session.pollDeadline(nowMs), mayConnect() ? plan.deadlineMs() : undefined, back].filter((atMs) => atMs !== undefined);
        await sleep(deadlines.length > 0 ? Math.min(...deadlines) : undefined);
      }
    } finally {
      connection?.close(DONE);
      number += 1;
      attempt?.abort();
      say({ network: "offline", transport: undefined });
    }
  };

  const run = async (): Promise<void> => {
    while (!isClosed) {
      try {
        await drive();
      } catch (error) {
        say({}, troubleOf(error) ?? { code: "CLIENT_STORE_FAILED", detail: "" });
        storeRetryMs = Math.min(Math.max(2 * storeRetryMs, STORE_RETRY_MS), STORE_RETRY_MS_MAX);
        // Whatever wakes it, what is undone by the failure first of all, does not make the store better.
        for (const untilMs = clock() + storeRetryMs; !isClosed && clock() < untilMs; ) await sleep(untilMs);
      }
    }
  };

  const hearNetwork = (is: boolean) => (): void => {
    hasNetwork = is;
    if (is) {
      beginWithFirst(FAILURES_MAX);
      refusedAtMs = -Infinity;
    }
    isToRetry ||= is;
    wake();
  };
  const hearPage = (): void => {
    isToRetry ||= platform.document?.visibilityState === "visible";
    wake();
  };
  const events = [["online", hearNetwork(true)], ["offline", hearNetwork(false)], ["visibilitychange", hearPage]] as const;
  for (const [event, run] of events) (event === "visibilitychange" ? platform.document : platform)?.addEventListener?.(event, run);
  const done = run();

  return {
    wake(isAnew = false): void {
      readsAnew ||= isAnew;
      wake();
    },
    sync(): Promise<void> {
      const number = (plan.asked += 1);
      wake();
      return new Promise((resolve, failed) => waiting.push({ number, done: resolve, failed }));
    },
    setOnline(isOnline: boolean): void {
      staysOffline = !isOnline;
      wake();
    },
    async close(): Promise<void> {
      isClosed = true;
      for (const [event, run] of events) (event === "visibilitychange" ? platform.document : platform)?.removeEventListener?.(event, run);
      wake();
      await done;
      for (const one of waiting.splice(0)) one.failed(new SynclineError("CLIENT_CLOSED", "the client is closed"));
    },
  };
}

/** What a former life of the hub has applied, and this one knows nothing of any more, it has: sent in order, before anything newer. */
function hadAlready(settled: Settled, resent: Set<number>): Settled {
  const { op }: Operation = settled.operation;
  const wasResent = resent.delete(op);
  const isOld = wasResent && "result" in settled && settled.result.problem?.code === "OPERATION_TOO_OLD";
  return isOld ? { operation: settled.operation, result: { op, status: "duplicate" }, asked: [] } : settled;
}
