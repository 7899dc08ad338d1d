/** The part of a client that reaches the hub: whichever tab leads has the connection. It is loaded once an address is given. */

import type { Options, Strategy } from "../api.js";
import { SynclineError } from "../error.js";
import type { Follow } from "../protocol/message.js";
import { LeadingStore } from "../store/leading.js";
import type { Store } from "../store/store.js";
import type { Channel } from "../tabs/channel.js";
import { contend, termRow, type LeaderMessage } from "../tabs/leader.js";
import { startDriver, type Driver, type NetworkState, type Trouble } from "./driver.js";

/** How long a tab waits that was to lead and could not read what is stored, in milliseconds: first, and at most. */
const LEAD_RETRY_MS = 1_000;
const LEAD_RETRY_MS_MAX = 30_000;

/** What is needed to connect, and who is told. */
export interface ConnectFacts {
  readonly options: Options;
  readonly follows: readonly Follow[];
  readonly strategy: Strategy;
  readonly isOnline: boolean;
  readonly store: Store;
  readonly channel: Channel<LeaderMessage> | undefined;
  /** How the connection stands, what went wrong, and how often records were read anew; of the tab that leads. */
  tell(state: NetworkState, repairs: number, trouble?: Trouble): void;
  /** This tab leads, or does so no more. */
  led(isLeading: boolean): void;
  failed(error: unknown): void;
}

export type Connecting = ReturnType<typeof connect>;

/** Connects as soon as this tab leads. */
export function connect(facts: ConnectFacts) {
  const { options, store, channel } = facts;
  let { strategy, isOnline } = facts;
  let side: LeadingStore | undefined;
  let driver: Driver | undefined;
  let isClosed = false;
  /** Kept once another driver has taken the place of one that ends. */
  let restarting: Promise<void> | undefined;
  /** Who waits for a driver, while this tab is about to lead. */
  let awaited: (() => void)[] = [];

  const callAwaited = (): void => {
    for (const call of awaited.splice(0)) call();
  };

  const start = (): void => {
    if (!side) return;
    const of = side;
    driver = startDriver({
      url: options.url ?? "",
      side: of,
      token: options.token,
      socket: options.socket,
      strategy,
      ways: options.transports ?? ["websocket", "events", "poll"],
      tell: (state, trouble) => {
        if (side === of) facts.tell(state, of.repairs, trouble);
      },
    });
    if (!isOnline) driver.setOnline(false);
    callAwaited();
  };

  const lead = async (term: number): Promise<void> => {
    // As long as this tab has the lock no other one would lead in its place.
    for (let waitMs = LEAD_RETRY_MS; !isClosed && leadership.term() === term; waitMs = Math.min(2 * waitMs, LEAD_RETRY_MS_MAX)) {
      try {
        const leading = await LeadingStore.lead(store, facts.follows, termRow(term)[1]);
        if (isClosed || leadership.term() !== term) return;
        side = leading;
        start();
        return facts.led(true);
      } catch (error) {
        facts.failed(error);
        // What is not the address of a hub becomes none.
        if (side) return;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  };

  const resign = (): void => {
    const former = driver;
    side = driver = undefined;
    callAwaited();
    store.setTerm(undefined);
    facts.led(false);
    void former?.close();
  };

  /** Has a driver send and fetch all there is, or the one that takes its place. */
  const sync = async (): Promise<void> => {
    if (!driver) await new Promise<void>((resolve) => awaited.push(resolve));
    for (;;) {
      const of = driver;
      if (!of) throw new SynclineError("CLIENT_NOT_LEADING", "another tab leads", { retryable: true });
      try {
        return await of.sync();
      } catch (error) {
        await restarting;
        if (driver === of) throw error;
      }
    }
  };

  const leadership = contend({
    name: options.name,
    storage: store.storage,
    channel,
    onLead: (term) => void lead(term),
    onDeposed: resign,
    onResume: () => void store.refresh(true).catch(facts.failed),
    onProblem: facts.failed,
  });

  return {
    /** Has the connection look at what is to do. `isAnew`: what stood may go now. */
    wake: (isAnew: boolean): void => driver?.wake(isAnew),
    /** A leader's step was not written: looks whether another tab leads. */
    check: (): void => void leadership.check(),
    /** Sends and fetches all there is; `undefined` in a tab that does not lead. */
    sync: (): Promise<void> | undefined => (leadership.term() === undefined ? undefined : sync()),
    setOnline(is: boolean): void {
      isOnline = is;
      driver?.setOnline(is);
    },
    setStrategy(next: Strategy): void {
      strategy = next;
      const former = driver;
      restarting = former?.close().then(() => {
        if (driver === former) start();
      });
    },
    async close(): Promise<void> {
      isClosed = true;
      const former = driver;
      await leadership.close();
      await former?.close();
    },
  };
}
