/**
 * A browser's database: one for each name, one object store for each table.
 *
 * What is committed survives the end of the tab and a kill of the browser: "relaxed" writes have been handed to the system by
 * the time they are answered. Only a power loss can take the last of them, which is what `flush` is for. A strict write waits
 * for the disk, some ten times as long.
 */

import { SynclineError } from "../error.js";
import { closedError, failedError, type OpenStorage, type Storage, type Table, TABLES } from "./storage.js";

/** The format of the database. Raise it with every change; older programs then refuse. */
const FORMAT = 1;
/** Rows that are read by one request: all at once, a hundred thousand would come as one message of the browser's. */
const ROWS_READ_AT_ONCE = 5000;
/** How long an opening waits for tabs that hold on to a place which is being destroyed, in milliseconds. */
const OPEN_MS_MAX = 10_000;

/** How long a connection that was cut rests, in milliseconds: at once Chromium refuses another one. */
const MEND_AFTER_MS = 500;

/** What a database is told of itself. */
export interface IndexedDbFacts {
  /** `strict`: every commit waits for the disk. */
  readonly durability?: "relaxed" | "strict";
  /** The browser's own, if nothing else is named. */
  readonly factory?: IDBFactory;
}

/** Returns places in the browser's database. */
export function indexeddb({ durability = "relaxed", factory = globalThis.indexedDB }: IndexedDbFacts = {}): OpenStorage {
  return async (name) => {
    const address = databaseName(name);
    return place(factory, address, (await open(factory, address)).database, durability);
  };
}

/** Returns the name of the database of a place. */
function databaseName(name: string): string {
  return `syncline:${name}`;
}

interface Opened {
  readonly database: IDBDatabase;
  /** Whether there was none. */
  readonly isNew: boolean;
}

function open(factory: IDBFactory, name: string): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, FORMAT);
    let isLate = false;
    let isNew = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new SynclineError("CLIENT_STORE_LOCKED", "another tab has the store", { retryable: true }));
    }, OPEN_MS_MAX);
    request.onupgradeneeded = () => {
      isNew = true;
      for (const table of TABLES) request.result.createObjectStore(table);
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      if (isLate) request.result.close();
      else resolve({ database: request.result, isNew });
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(storeError(request.error));
    };
  });
}

/** Says what a refusal of the browser's is to the client. */
function storeError(cause: unknown): SynclineError {
  if (cause instanceof SynclineError) return cause;
  const { name, message } = (cause ?? {}) as Partial<DOMException>;
  if (name === "VersionError") return new SynclineError("CLIENT_STORE_TOO_NEW", "the store was made by a newer program");
  // Browsers with a full disk say so in words of their own.
  if (/quota|full disk/i.test(`${name} ${message}`)) return new SynclineError("CLIENT_STORE_FULL", "there is no room", { retryable: true, cause });
  return failedError(cause);
}

function place(factory: IDBFactory, address: string, first: IDBDatabase, durability: IDBTransactionDurability): Storage {
  let database = first;
  let isOpen = true;
  /** Whether the browser has cut the connection. */
  let isCut = false;
  let mending: Promise<void> | undefined;
  let goneNow: () => void;
  const gone = new Promise<void>((resolve) => (goneNow = resolve));
  const close = (): void => {
    isOpen = false;
    database.close();
  };
  /** What ends transactions of which nothing will be heard any more. */
  const running = new Set<() => void>();
  const lose = (): void => {
    close();
    goneNow();
  };
  const attach = (to: IDBDatabase): void => {
    database = to;
    isCut = false;
    // Another tab destroys the place or brings a newer format: holding on would block it.
    to.onversionchange = lose;
    // The person deleted what the site had stored; or the system ended what serves databases, as phones do behind an app that rests.
    to.onclose = () => {
      isCut = true;
      // If that fails too, the next transaction tries again.
      setTimeout(() => isCut && mend().catch(() => undefined), MEND_AFTER_MS);
    };
  };
  const mend = (): Promise<void> =>
    (mending ??= open(factory, address)
      .then(({ database: other, isNew }) => {
        attach(other);
        // They ran on the connection that was cut.
        for (const end of running) end();
        if (isNew) lose();
        else if (!isOpen) other.close();
      })
      .finally(() => (mending = undefined)));
  attach(first);

  /** Runs a transaction; what it answers counts once all of it is written. */
  const run = async <T>(tables: readonly Table[], mode: IDBTransactionMode, how: IDBTransactionDurability, work: (transaction: IDBTransaction) => () => T): Promise<T> => {
    let giveUp = (): void => {};
    let end = (): void => {};
    const begin = (): IDBTransaction => {
      if (!isOpen) throw closedError();
      return database.transaction([...tables], mode, { durability: how });
    };
    try {
      if (isCut) await mend();
      let transaction: IDBTransaction;
      try {
        transaction = begin();
      } catch (cause) {
        if (!isOpen) throw cause;
        // Not every browser says that it has cut the connection.
        await mend();
        transaction = begin();
      }
      giveUp = () => transaction.abort();
      const answer = work(transaction);
      return await new Promise<T>((resolve, reject) => {
        running.add((end = reject));
        transaction.oncomplete = () => resolve(answer());
        transaction.onabort = () => {
          // A row was not as expected, so it was given up.
          if (transaction.error === null && (answer() as unknown) === false) resolve(answer());
          else reject(transaction.error);
        };
        giveUp = () => {};
      });
    } catch (cause) {
      giveUp();
      throw storeError(cause);
    } finally {
      running.delete(end);
    }
  };

  return {
    isShared: true,
    durability: "best-effort",
    gone,

    load: () =>
      run(TABLES, "readonly", durability, (transaction) => {
        const loaded = new Map(TABLES.map((table) => [table, new Map<string, string>()]));
        for (const [table, rows] of loaded) {
          const store = transaction.objectStore(table);
          const listing = store.getAllKeys();
          listing.onsuccess = () => {
            const keys = listing.result as string[];
            for (let from = 0; from < keys.length; from += ROWS_READ_AT_ONCE) {
              const names = keys.slice(from, from + ROWS_READ_AT_ONCE);
              const reading = store.getAll(IDBKeyRange.bound(names[0], names.at(-1)));
              reading.onsuccess = () => names.forEach((key, at) => rows.set(key, reading.result[at]));
            }
          };
        }
        return () => loaded;
      }),

    meta: (keys) =>
      run(["meta"], "readonly", durability, (transaction) => {
        const store = transaction.objectStore("meta");
        const reads = keys.map((key) => store.get(key));
        return () => reads.map((read) => read.result as string | undefined);
      }),

    commit: ({ expect = [], clear = [], remove = [], put = [] }) => {
      const tables = new Set<Table>(["meta", ...clear]);
      for (const [table] of [...remove, ...put]) tables.add(table);
      return run([...tables], "readwrite", durability, (transaction) => {
        let isAsExpected = true;
        let unread = expect.length;
        // The writes are handed over with the reads, and taken back if a read differs: that saves waiting between them.
        for (const [key, row] of expect) {
          const read = transaction.objectStore("meta").get(key);
          read.onsuccess = () => {
            unread--;
            if (!isAsExpected) return;
            isAsExpected = read.result === row;
            if (!isAsExpected) transaction.abort();
            else if (unread === 0) transaction.commit();
          };
        }
        for (const table of clear) transaction.objectStore(table).clear();
        for (const [table, key] of remove) transaction.objectStore(table).delete(key);
        for (const [table, key, row] of put) transaction.objectStore(table).put(row, key);
        if (unread === 0) transaction.commit();
        return () => isAsExpected;
      });
    },

    flush: () =>
      run(["meta"], "readwrite", "strict", (transaction) => {
        // One that writes nothing need not reach the disk.
        const store = transaction.objectStore("meta");
        store.put("", "flushed");
        store.delete("flushed");
        return () => undefined;
      }),

    async destroy() {
      // A tab that is frozen with the place open puts its deletion off: it is to be empty nevertheless.
      await run(TABLES, "readwrite", "strict", (transaction) => {
        for (const table of TABLES) transaction.objectStore(table).clear();
        return () => undefined;
      });
      close();
      await new Promise<void>((resolve, reject) => {
        const request = factory.deleteDatabase(address);
        request.onsuccess = request.onblocked = () => resolve();
        request.onerror = () => reject(storeError(request.error));
      });
    },

    close,
  };
}
