/**
 * Loads what is likely opened next, in idle time and on good connections only.
 *
 * ```ts
 * const notes = prefetch({ load: (id, signal) => fetchNote(id, signal) });
 * const note = await notes.open("n17"); // at once, if it was foreseen
 * ```
 *
 * A record that the client follows is on the device anyway. This is for what it does not follow: `load` asks for
 * `GET /v1/entities/{entity}/records/{id}`, a page of a view, a picture.
 */

import { SynclineError } from "../error.js";
import { createCache } from "./cache.js";
import { whenIdle, type Idle } from "./idle.js";
import { AHEAD, CAPACITY, LIKELIHOOD_MIN, LOAD_MS_MAX, UNOPENED_SHARE } from "./limits.js";
import { createModel, type Model } from "./model.js";

export { createCache, type Cache } from "./cache.js";
export { whenIdle, type Idle } from "./idle.js";
export { createModel, type Model, type Prediction } from "./model.js";

export interface PrefetchOptions<V> {
  /** Loads a thing. The signal ends it where nobody waits for it any more. */
  readonly load: (key: string, signal: AbortSignal) => Promise<V>;
  /** How many things are kept; 100. */
  readonly capacity?: number;
  /** How many are loaded ahead at most after one was opened; 4. */
  readonly ahead?: number;
  /** What is less likely than this is not loaded ahead; 0.05. */
  readonly likelihoodMin?: number;
  /** Whether the connection is good enough to load what nobody asked for: `/adaptive` tells. Without it, as the browser says. */
  readonly mayLoad?: () => boolean;
  /** What foresees; it learns by what is opened. */
  readonly model?: Model;
  readonly idle?: Idle;
}

/** How often what was opened was there already. */
export interface PrefetchCounts {
  readonly opened: number;
  /** Of these, what was there. */
  readonly hits: number;
  /** Of these, what was there only because it was loaded ahead. */
  readonly foreseen: number;
  readonly loadedAhead: number;
  /** What could not be loaded ahead. */
  readonly failedAhead: number;
}

export interface Prefetch<V> {
  /** Returns a thing, loads it where it is not there, learns by it, and loads ahead what comes next. */
  open(key: string): Promise<V>;
  /** Returns a thing if it is there, and learns nothing. */
  peek(key: string): V | undefined;
  /** Drops a thing that has changed. */
  forget(key: string): void;
  /** Takes note that the app comes to the front: what is opened next does not follow what was opened last. */
  begin(): void;
  counts(): PrefetchCounts;
  /** Stops loading and drops everything: to be called at logout. What was learnt is the model's. */
  close(): void;
}

/** Returns what loads things, and ahead of time what is likely opened next. */
export function prefetch<V>(options: PrefetchOptions<V>): Prefetch<V> {
  const { load, capacity = CAPACITY, ahead = AHEAD, likelihoodMin = LIKELIHOOD_MIN, mayLoad = connectionIsGood } = options;
  const { model = createModel(), idle = whenIdle } = options;
  const cache = createCache<V>(capacity, Math.max(1, Math.floor(capacity * UNOPENED_SHARE)));
  const underWay = new Map<string, Promise<V>>();
  const counts = { opened: 0, hits: 0, foreseen: 0, loadedAhead: 0, failedAhead: 0 };
  /** What is to be loaded ahead, the likeliest first; made anew by every opening. */
  let wanted: string[] = [];
  let cancelIdle: (() => void) | undefined;
  let isLoadingAhead = false;
  let ended = new AbortController();

  function fetched(key: string, signal: AbortSignal, keep: (value: V) => void): Promise<V> {
    const promise = withSignal(Promise.resolve().then(() => load(key, signal)), signal)
      .then((value) => {
        // What was forgotten meanwhile has changed: it answers who waits, and is not kept.
        if (underWay.get(key) === promise) keep(value);
        return value;
      })
      .finally(() => {
        if (underWay.get(key) === promise) underWay.delete(key);
      });
    underWay.set(key, promise);
    return promise;
  }

  /** Loads one thing after another, each in idle time of its own. */
  function goOn(): void {
    if (cancelIdle !== undefined || isLoadingAhead || wanted.length === 0) return;
    cancelIdle = idle(() => {
      cancelIdle = undefined;
      if (!mayLoad()) {
        wanted = [];
        return;
      }
      const key = wanted.find((key) => !cache.has(key) && !underWay.has(key));
      if (key === undefined) return;
      wanted = wanted.slice(wanted.indexOf(key) + 1);
      void loadAhead(key);
    });
  }

  async function loadAhead(key: string): Promise<void> {
    isLoadingAhead = true;
    const own = new AbortController();
    const abort = () => own.abort();
    const { signal } = ended;
    signal.addEventListener("abort", abort);
    const timer = setTimeout(abort, LOAD_MS_MAX);
    try {
      await fetched(key, own.signal, (value) => cache.putAhead(key, value));
      counts.loadedAhead += 1;
    } catch {
      counts.failedAhead += 1;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      isLoadingAhead = false;
      goOn();
    }
  }

  return {
    async open(key) {
      counts.opened += 1;
      model.note(key);
      wanted = model
        .predict(ahead)
        .filter((prediction) => prediction.likelihood >= likelihoodMin)
        .map((prediction) => prediction.key);
      const kept = cache.use(key);
      if (kept !== undefined) {
        counts.hits += 1;
        if (kept.wasAhead) counts.foreseen += 1;
        goOn();
        return kept.value;
      }
      const { signal } = ended;
      const begun = underWay.get(key);
      try {
        if (begun !== undefined) {
          const value = await begun;
          cache.use(key);
          return value;
        }
      } catch {
        // It was under way as what nobody had asked for, and was given up; now somebody asks for it.
      }
      try {
        return await (underWay.get(key) ?? fetched(key, signal, (value) => cache.put(key, value)));
      } finally {
        goOn();
      }
    },
    peek: (key) => cache.peek(key),
    forget(key) {
      cache.forget(key);
      underWay.delete(key);
    },
    begin: () => model.begin(),
    counts: () => ({ ...counts }),
    close() {
      cancelIdle?.();
      cancelIdle = undefined;
      wanted = [];
      ended.abort();
      ended = new AbortController();
      underWay.clear();
      cache.clear();
    },
  };
}

/** Ends with the signal, so that a load which does not heed it holds nobody up. */
function withSignal<V>(load: Promise<V>, signal: AbortSignal): Promise<V> {
  return new Promise((resolve, reject) => {
    const end = () => reject(new SynclineError("CLIENT_CLOSED", "loading was given up"));
    if (signal.aborted) return end();
    signal.addEventListener("abort", end);
    void load.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/** What the Network Information API says, where there is one (not in Firefox and Safari): then nothing speaks against it. */
function connectionIsGood(): boolean {
  const platform = typeof navigator === "undefined" ? undefined : (navigator as { onLine?: boolean; connection?: { saveData?: boolean; effectiveType?: string } });
  if (platform?.onLine === false) return false;
  const connection = platform?.connection;
  return connection?.saveData !== true && (connection?.effectiveType ?? "4g") === "4g";
}
