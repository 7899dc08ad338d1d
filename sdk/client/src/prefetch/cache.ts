/**
 * What is kept of what was loaded: a bounded number of things, of which those go first that were used longest ago.
 *
 * What was loaded ahead and never opened has a part of the room of its own, and leaves that of what was opened alone: so a model
 * that guesses badly drops its own guesses.
 */

export interface Cache<V> {
  /** Returns a thing and counts it as used; `undefined` where it is not there. */
  use(key: string): { readonly value: V; readonly wasAhead: boolean } | undefined;
  /** Returns a thing without counting it as used. */
  peek(key: string): V | undefined;
  has(key: string): boolean;
  /** Keeps what somebody opened. */
  put(key: string, value: V): void;
  /** Keeps what was loaded ahead. */
  putAhead(key: string, value: V): void;
  forget(key: string): void;
  clear(): void;
  readonly size: number;
}

/** Returns a cache of so many things, of which at most `unopened` were never opened. */
export function createCache<V>(capacity: number, unopened: number): Cache<V> {
  // A map keeps the order of insertion: what was used longest ago is first.
  const used = new Map<string, V>();
  const ahead = new Map<string, V>();

  function makeRoom(): void {
    while (ahead.size > unopened) dropFirst(ahead);
    while (used.size + ahead.size > capacity) dropFirst(used.size > 0 ? used : ahead);
  }

  function put(key: string, value: V): void {
    ahead.delete(key);
    used.delete(key);
    used.set(key, value);
    makeRoom();
  }

  return {
    use(key) {
      const wasAhead = ahead.has(key);
      if (!wasAhead && !used.has(key)) return undefined;
      const value = (wasAhead ? ahead : used).get(key) as V;
      put(key, value);
      return { value, wasAhead };
    },
    peek: (key) => (used.has(key) ? used.get(key) : ahead.get(key)),
    has: (key) => used.has(key) || ahead.has(key),
    put,
    putAhead(key, value) {
      if (used.has(key)) {
        used.set(key, value);
        return;
      }
      ahead.delete(key);
      ahead.set(key, value);
      makeRoom();
    },
    forget(key) {
      used.delete(key);
      ahead.delete(key);
    },
    clear() {
      used.clear();
      ahead.clear();
    },
    get size() {
      return used.size + ahead.size;
    },
  };
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
