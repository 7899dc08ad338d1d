/**
 * One tab leads: it holds the connection.
 *
 * Who holds the lock leads. That alone is not enough, since a browser may freeze a tab together with its lock: a tab that waits
 * asks the leader for a sign of life, and takes the lock from one that stays silent. The one that was frozen may believe that it
 * leads for a moment longer, so leading has a number, the **term**, which is written to the storage first. Whatever a leader
 * commits expects its own term there: what a former leader commits is not written.
 *
 * Without locks the leader writes a sign of life into the storage instead. Nothing here compares clocks.
 */

import type { Batch, Storage } from "../storage/storage.js";
import type { Channel } from "./channel.js";

/** How often a leader is asked for a sign of life, in milliseconds. */
const TICK_MS = 2000;
/** How many signs a leader may owe: browsers delay the timers of hidden tabs, and a machine that slept wakes late. */
const SIGNS_OWED_MAX = 3;
/** How long a tab that lost stays out of it, in milliseconds. */
const RETRY_MS = 1000;

/** What tabs tell each other of who leads. */
export type LeaderMessage = { readonly kind: "ask-leader" } | { readonly kind: "leads"; readonly term: number };

/** What a tab needs in order to lead, and what it is told. */
export interface LeaderFacts {
  /** The name of the place. */
  readonly name: string;
  readonly storage: Storage;
  /** The way to the other tabs, where the place is shared. */
  readonly channel: Channel<LeaderMessage> | undefined;
  /** This tab leads from now on. What it commits as the leader expects `termRow(term)`. */
  onLead(term: number): void;
  /** It does so no more. */
  onDeposed(): void;
  /** The tab stood still and may have missed what the others said: everything is to be read again. */
  onResume(): void;
  /** The storage did not take the term; it is tried again. */
  onProblem(error: unknown): void;
}

/** What leading takes of a browser. */
export interface Surroundings {
  readonly locks: Pick<LockManager, "request"> | undefined;
  /** Where a page is told that it is hidden away, or back. */
  readonly page: Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined;
  /** Calls once, after so many milliseconds; answers what calls that off. */
  after(ms: number, work: () => void): () => void;
}

/** A tab that leads or would. */
export interface Leadership {
  /** The term in which this tab leads. */
  term(): number | undefined;
  /** Reads whether it still does: to be called when a leader's commit was not written. */
  check(): Promise<void>;
  /** Gives up for good, at once for the other tabs. */
  close(): Promise<void>;
}

/** Returns the row of `meta` that stands for a term. */
export function termRow(term: number): readonly ["term", string] {
  return ["term", String(term)];
}

function browser(): Surroundings {
  return {
    // Node's locks are those of one process, as are its places that are shared.
    locks: globalThis.navigator?.locks,
    page: typeof document === "object" ? globalThis : undefined,
    after(ms, work) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
  };
}

/** Has this tab lead as soon as no other one does. */
export function contend(facts: LeaderFacts, { locks, page, after }: Surroundings = browser()): Leadership {
  const { storage, channel } = facts;
  const hasLease = storage.isShared && locks === undefined;
  let term: number | undefined;
  let signsOwed = 0;
  let leaseSeen: string | undefined;
  let signs = 0;
  /** Aborted once this try at leading is over, whether it came to anything or not. */
  let attempt = new AbortController();
  let isAway = false;
  let isClosed = false;
  let callOffTick = (): void => {};
  let callOffRetry = (): void => {};

  const leaseOf = (of: number): NonNullable<Batch["put"]> => (hasLease ? [["meta", "lease", `${of}.${signs++}`]] : []);

  /** Writes a term of its own over the one that was. */
  const claim = async (signal: AbortSignal): Promise<void> => {
    try {
      const [row] = await storage.meta(["term"]);
      if (signal.aborted) return;
      const next = Number(row ?? 0) + 1;
      const isWritten = await storage.commit({ expect: [["term", row]], put: [["meta", ...termRow(next)], ...leaseOf(next)] });
      if (signal.aborted) return;
      if (!isWritten) return stepBack();
      term = next;
      channel?.post({ kind: "leads", term });
      facts.onLead(term);
    } catch (error) {
      if (signal.aborted) return;
      facts.onProblem(error);
      stepBack();
    }
  };

  const begin = (isTaken = false): void => {
    callOffRetry();
    if (isAway) return;
    attempt.abort();
    attempt = new AbortController();
    const { signal } = attempt;
    signsOwed = 0;
    if (!storage.isShared) void claim(signal);
    else if (locks === undefined) void watchLease(signal);
    else {
      const request = locks.request(`syncline:${facts.name}`, isTaken ? { steal: true } : { signal }, () => {
        if (signal.aborted) return undefined;
        return new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
          void claim(signal);
        });
      });
      request.catch(() => signal.aborted || stepBack());
    }
  };

  const stop = async (): Promise<void> => {
    callOffRetry();
    attempt.abort();
    const former = term;
    if (former === undefined) return;
    term = undefined;
    facts.onDeposed();
    // If that fails the others wait until they miss its signs.
    if (hasLease) await storage.commit({ expect: [termRow(former)], remove: [["meta", "lease"]] }).catch(() => false);
  };

  /** Lost it, or could not have it: tries again a little later. */
  const stepBack = (): void => {
    void stop();
    callOffRetry = after(RETRY_MS, begin);
  };

  /** Writes a sign of life as the leader, and looks for one otherwise. */
  const watchLease = async (signal: AbortSignal): Promise<void> => {
    try {
      if (term !== undefined) {
        const isWritten = await storage.commit({ expect: [termRow(term)], put: leaseOf(term) });
        if (!isWritten && !signal.aborted) stepBack();
        return;
      }
      const [lease] = await storage.meta(["lease"]);
      if (signal.aborted) return;
      signsOwed = lease === leaseSeen ? signsOwed + 1 : 0;
      leaseSeen = lease;
      if (lease === undefined || signsOwed > SIGNS_OWED_MAX) await claim(signal);
    } catch (error) {
      if (!signal.aborted) facts.onProblem(error);
    }
  };

  const watch = async (): Promise<void> => {
    const { signal } = attempt;
    if (!isAway && !signal.aborted) {
      if (hasLease) await watchLease(signal);
      else if (term === undefined) {
        if (signsOwed++ < SIGNS_OWED_MAX) channel?.post({ kind: "ask-leader" });
        else begin(true);
      }
    }
    if (!isClosed) callOffTick = after(TICK_MS, watch);
  };

  const leave = (): void => {
    isAway = true;
    void stop();
  };
  const comeBack = (): void => {
    if (!isAway) return;
    isAway = false;
    facts.onResume();
    begin();
  };
  const pageEvents = [["pagehide", leave], ["freeze", leave], ["pageshow", comeBack], ["resume", comeBack]] as const;
  // They are sent to the window or to the document, which the window sees on the way down.
  for (const [event, listener] of pageEvents) page?.addEventListener(event, listener, true);

  const listening = [
    channel?.on("ask-leader", () => {
      if (term !== undefined) channel?.post({ kind: "leads", term });
    }),
    channel?.on("leads", (other) => {
      signsOwed = 0;
      if (term !== undefined && term < other.term) stepBack();
    }),
  ];
  begin();
  if (storage.isShared) callOffTick = after(TICK_MS, watch);

  return {
    term: () => term,
    async check() {
      const checked = term;
      if (checked === undefined) return;
      try {
        const [row] = await storage.meta(["term"]);
        if (term === checked && row !== termRow(checked)[1]) stepBack();
      } catch (error) {
        facts.onProblem(error);
      }
    },
    close() {
      isAway = isClosed = true;
      callOffTick();
      for (const end of listening) end?.();
      for (const [event, listener] of pageEvents) page?.removeEventListener(event, listener, true);
      return stop();
    },
  };
}
