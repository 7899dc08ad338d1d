/** What is kept for as long as the program runs. */

import { closedError, type Batch, type OpenStorage, type Storage, type Table, TABLES } from "./storage.js";

type Rows = Map<Table, Map<string, string>>;

/**
 * Returns places in memory: by one name it is the same place, until it is destroyed.
 *
 * - `isShared`: whether several clients share a place, as the tabs of a browser do.
 */
export function memory(facts: { readonly isShared?: boolean } = {}): OpenStorage {
  const places = new Map<string, Rows>();
  return (name) => {
    let rows = places.get(name);
    if (rows === undefined) places.set(name, (rows = empty()));
    return Promise.resolve(place(rows, facts.isShared ?? false, () => places.delete(name)));
  };
}

function empty(): Rows {
  return new Map(TABLES.map((table) => [table, new Map()]));
}

function place(rows: Rows, isShared: boolean, forget: () => void): Storage {
  let isOpen = true;
  const table = (name: Table): Map<string, string> => {
    const found = isOpen ? rows.get(name) : undefined;
    if (found === undefined) throw closedError();
    return found;
  };
  return {
    isShared,
    durability: "memory",
    async load() {
      return new Map(TABLES.map((name) => [name, new Map(table(name))]));
    },
    async meta(keys) {
      const meta = table("meta");
      return keys.map((key) => meta.get(key));
    },
    async commit({ expect = [], clear = [], remove = [], put = [] }: Batch) {
      const meta = table("meta");
      if (expect.some(([key, row]) => meta.get(key) !== row)) return false;
      for (const name of clear) table(name).clear();
      for (const [name, key] of remove) table(name).delete(key);
      for (const [name, key, row] of put) table(name).set(key, row);
      return true;
    },
    async destroy() {
      for (const name of TABLES) table(name).clear();
      isOpen = false;
      forget();
    },
    close() {
      isOpen = false;
    },
  };
}
