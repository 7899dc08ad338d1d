/** A browser with tabs, made up: time is virtual, and a tab can be frozen, thawed and killed at any moment. */

import { memory } from "../../src/storage/memory.js";
import type { Storage } from "../../src/storage/storage.js";
import type { Channel } from "../../src/tabs/channel.js";
import { contend, type LeaderFacts, type LeaderMessage, type Leadership, termRow } from "../../src/tabs/leader.js";

type Work = () => void;

/** What happens at a time; of two at once the one that was asked for first. */
interface Event {
  readonly at: number;
  readonly number: number;
  readonly tab: Tab | undefined;
  readonly work: Work;
}

interface Asked {
  readonly tab: Tab;
  readonly grant: (lock: Lock) => unknown;
  readonly refuse: (error: DOMException) => void;
  isOver: boolean;
}

/** A commit that was written for a leader. */
export interface Led {
  readonly at: number;
  readonly tab: number;
  readonly term: number;
}

export interface Facts {
  /** Returns a number from 0 up to 1: how long anything takes, of its most. */
  readonly random?: () => number;
  readonly hasLocks?: boolean;
  /** Plants a fault into the storage. */
  readonly change?: (storage: Storage) => Storage;
}

/** How long a tab is not heard of by another one, at most, in milliseconds. */
const LATENCY_MS_MAX = 20;

export class Browser {
  now = 0;
  readonly tabs: Tab[] = [];
  readonly led: Led[] = [];
  readonly hasLocks: boolean;
  readonly place: (name: string) => Promise<Storage>;
  readonly #events: Event[] = [];
  #number = 0;
  readonly #random: () => number;
  #held: Asked | undefined;
  #waiting: Asked[] = [];

  constructor({ random = () => 0.5, hasLocks = true, change = (storage) => storage }: Facts = {}) {
    this.#random = random;
    this.hasLocks = hasLocks;
    const places = memory({ isShared: true });
    this.place = async (name) => change(await places(name));
  }

  /** Has something happen in a tab, or in the browser itself, some time later. */
  later(tab: Tab | undefined, work: Work, ms: number = this.#random() * LATENCY_MS_MAX): Event {
    const event = { at: this.now + ms, number: this.#number++, tab, work };
    this.#events.push(event);
    return event;
  }

  callOff(event: Event): void {
    const at = this.#events.indexOf(event);
    if (at >= 0) this.#events.splice(at, 1);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      // Whatever hangs on promises comes first.
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      const next = this.#events.reduce<Event | undefined>((first, event) => (first && (first.at < event.at || (first.at === event.at && first.number < event.number)) ? first : event), undefined);
      if (next === undefined || next.at > until) break;
      this.callOff(next);
      this.now = next.at;
      if (next.tab === undefined || next.tab.state === "live") next.work();
      else if (next.tab.state === "frozen") next.tab.missed.push(next.work);
    }
    this.now = until;
  }

  open(): Tab {
    const tab = new Tab(this, this.tabs.length);
    this.tabs.push(tab);
    return tab;
  }

  /** Returns the tabs that run and believe that they lead. */
  leaders(): Tab[] {
    return this.tabs.filter((tab) => tab.state === "live" && tab.term() !== undefined);
  }

  tell(from: Tab, message: LeaderMessage): void {
    for (const tab of this.tabs) if (tab !== from) this.later(tab, () => tab.hear(message));
  }

  ask(asked: Asked, isTaken: boolean): void {
    if (isTaken) {
      const robbed = this.#held;
      if (robbed !== undefined) {
        robbed.isOver = true;
        this.later(robbed.tab, () => robbed.refuse(new DOMException("stolen", "AbortError")));
      }
      this.#held = undefined;
      this.#waiting.unshift(asked);
    } else this.#waiting.push(asked);
    this.#grant();
  }

  withdraw(asked: Asked): boolean {
    const isWaiting = this.#waiting.includes(asked);
    this.#waiting = this.#waiting.filter((other) => other !== asked);
    return isWaiting;
  }

  release(asked: Asked): void {
    if (this.#held !== asked) return;
    this.#held = undefined;
    this.#grant();
  }

  /** A tab that is gone holds nothing. */
  forget(tab: Tab): void {
    this.#waiting = this.#waiting.filter((asked) => asked.tab !== tab);
    if (this.#held?.tab === tab) this.release(this.#held);
  }

  #grant(): void {
    if (this.#held !== undefined) return;
    const asked = this.#waiting.shift();
    if (asked === undefined) return;
    this.#held = asked;
    this.later(asked.tab, () => {
      if (!asked.isOver) Promise.resolve(asked.grant({ name: "", mode: "exclusive" } as Lock)).then(() => this.later(undefined, () => this.release(asked)));
    });
  }
}

export class Tab {
  state: "live" | "frozen" | "killed" = "live";
  /** How long a timer takes at least: browsers delay those of hidden tabs, by up to a minute. */
  timerMsMin = 0;
  readonly missed: Work[] = [];
  readonly told: string[] = [];
  readonly browser: Browser;
  readonly number: number;
  readonly page = new EventTarget();
  readonly #listeners = new Map<string, Set<(message: never) => void>>();
  #leadership: Leadership | undefined;
  /** What the client behind it believes. */
  #leads: number | undefined;

  constructor(browser: Browser, number: number) {
    this.browser = browser;
    this.number = number;
    void browser.place("notes").then((storage) => this.#begin(this.#slow(storage)));
  }

  term(): number | undefined {
    return this.#leadership?.term();
  }

  hear(message: LeaderMessage): void {
    for (const listener of this.#listeners.get(message.kind) ?? []) listener(message as never);
  }

  /** Stops at once, without being told. */
  freeze(): void {
    if (this.state === "live") this.state = "frozen";
  }

  /** Goes on with all that has waited. */
  thaw(): void {
    if (this.state !== "frozen") return;
    this.state = "live";
    for (const work of this.missed.splice(0)) this.browser.later(this, work, 0);
  }

  kill(): void {
    this.state = "killed";
    this.browser.later(undefined, () => this.browser.forget(this));
  }

  close(): Promise<void> {
    return this.#leadership?.close() ?? Promise.resolve();
  }

  #begin(storage: Storage): void {
    const channel: Channel<LeaderMessage> = {
      post: (message) => this.browser.tell(this, message),
      on: (kind, listener) => {
        const heard = this.#listeners.get(kind) ?? new Set();
        this.#listeners.set(kind, heard.add(listener as (message: never) => void));
        return () => heard.delete(listener as (message: never) => void);
      },
      close: () => undefined,
    };
    const facts: LeaderFacts = {
      name: "notes",
      storage,
      channel,
      onLead: (term) => {
        this.told.push(`leads ${term}`);
        this.#leads = term;
        this.#lead(storage, term);
      },
      onDeposed: () => {
        this.told.push("deposed");
        this.#leads = undefined;
      },
      onResume: () => this.told.push("resumed"),
      onProblem: () => this.told.push("problem"),
    };
    this.#leadership = contend(facts, {
      locks: this.browser.hasLocks ? this.#locks() : undefined,
      page: this.page,
      after: (ms, work) => {
        const event = this.browser.later(this, work, Math.max(ms, this.timerMsMin));
        return () => this.browser.callOff(event);
      },
    });
  }

  /** Writes as the leader for as long as it believes to be. */
  #lead(storage: Storage, term: number): void {
    if (this.#leads !== term) return;
    void storage.commit({ expect: [termRow(term)], put: [["meta", "cursor", `${this.number}`]] }).then((isWritten) => {
      if (!isWritten) return this.#leadership?.check();
      this.browser.later(this, () => this.#lead(storage, term), 100);
    });
  }

  /** Has a storage take its time, and answer a frozen tab once it is thawed. Commits happen at one moment in between. */
  #slow(storage: Storage): Storage {
    const slowly = <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        this.browser.later(undefined, () => {
          if (this.state === "killed") return;
          work().then(
            (answer) => this.browser.later(this, () => resolve(answer)),
            (error: unknown) => this.browser.later(this, () => reject(error)),
          );
        });
      });
    return {
      ...storage,
      meta: (keys) => slowly(() => storage.meta(keys)),
      commit: (batch) =>
        slowly(async () => {
          const isWritten = await storage.commit(batch);
          const term = batch.expect?.find(([key]) => key === "term")?.[1];
          if (isWritten && batch.put?.some(([, key]) => key === "cursor")) this.browser.led.push({ at: this.browser.now, tab: this.number, term: Number(term) });
          return isWritten;
        }),
    };
  }

  #locks(): Pick<LockManager, "request"> {
    const request = (_name: string, { steal = false, signal }: LockOptions, callback: LockGrantedCallback<unknown>): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const asked: Asked = {
          tab: this,
          isOver: false,
          grant: (lock) => {
            const held = Promise.resolve(callback(lock));
            held.then(resolve);
            return held;
          },
          refuse: reject,
        };
        signal?.addEventListener("abort", () => {
          if (this.browser.withdraw(asked)) reject(new DOMException("aborted", "AbortError"));
        });
        this.browser.ask(asked, steal);
      });
    return { request: request as LockManager["request"] };
  }
}
