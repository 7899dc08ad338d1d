/**
 * The place of a client whose app names none: the browser's database, with a copy of what was not sent where a browser may lose a whole
 * database, or memory.
 *
 * Chromium keeps the databases of a site in one place on the disk. Killed in the midst of a write it finds that torn now and then, and
 * makes it anew, empty. What the hub sends again is not missed; the queue would be. So it stands in a storage bucket as well, which is
 * another place on the disk, and is taken from there when the first place is found empty.
 *
 * An operation that is there although it was answered is sent again, and the hub knows it: so the copy may be behind in removing.
 */

import type { SynclineError } from "../error.js";
import { RESERVED } from "../store/state.js";
import { indexeddb } from "./indexeddb.js";
import { memory } from "./memory.js";
import { type Batch, type Storage, type Table, TABLES } from "./storage.js";

/** The bucket in which copies stand, of all places of a site. */
const BUCKET = "syncline";

/** The row of `meta` that says whose the operations are: a place without one is empty. */
const CLIENT = "client";

/** The row of `meta` that counts what edits are decided by. */
const TURN = "turn";

/** Counters that are passed over where a copy is taken: more than a device gives while it cannot write one. */
const COUNTERS_SKIPPED = 1_000_000;

/** Rows of `meta` that say how far the records are, which are not copied. */
const OF_RECORDS = new Set(["views", "snapshots", "unswept"]);

/** What is needed of the browser (Storage Buckets API). */
export interface Buckets {
  open(name: string): Promise<{ readonly indexedDB: IDBFactory }>;
}

/** Opens the place of a client whose app names none. */
export async function openOwn(name: string): Promise<Storage> {
  if (!globalThis.indexedDB) return memory()(name);
  const place = await indexeddb()(name);
  const { storageBuckets } = (globalThis.navigator ?? {}) as { readonly storageBuckets?: Buckets };
  if (!storageBuckets) return place;
  return withCopy(place, async () => indexeddb({ factory: (await storageBuckets.open(BUCKET)).indexedDB })(name));
}

/** What could not be copied is lost only if the place is, too. */
const alone = (): undefined => undefined;

/** Returns whether a row stands in the copy. */
const isCopied = ([table, key]: readonly [Table, string, string?]): boolean => table !== "records" && !(table === "meta" && OF_RECORDS.has(key));

/**
 * Returns a place of which what was not sent is written into a copy as well. The copy is opened once the place is read: only what is
 * written waits for it.
 */
export function withCopy(place: Storage, openCopy: () => Promise<Storage>): Storage {
  let isRemoved = false;
  let copying: Promise<Storage> | undefined;
  /** Kept once the copy has what the place has; where it misses something it is made anew. */
  let even: Promise<void> | undefined;
  const opened = (): Promise<Storage> => (copying ??= openCopy());
  const evened = async (stored?: ReadonlyMap<string, string>): Promise<Storage> => {
    const copy = await opened();
    await (even ??= makeEven(place, copy, stored));
    return copy;
  };
  return {
    ...place,
    get durability() {
      return place.durability;
    },
    async load() {
      const loaded = await place.load();
      const stored = loaded.get("meta");
      if (stored?.has(CLIENT)) {
        void evened(stored).catch(alone);
        return loaded;
      }
      const kept = await opened().then((copy) => copy.load()).catch(alone);
      if (!kept?.get("meta")?.has(CLIENT)) return loaded;
      // Of counters given since the copy was written last nothing is known: the next ones are far behind them.
      const reserved: readonly [Table, string, string] = ["meta", RESERVED, String(Number(kept.get("meta")?.get(RESERVED) ?? 0) + COUNTERS_SKIPPED)];
      // Another tab may have done it meanwhile.
      await place.commit({ expect: [[CLIENT, undefined]], put: [...copiedOf(kept), reserved] });
      return place.load();
    },
    async commit(batch: Batch) {
      if (!(await place.commit(batch))) return false;
      const { clear = [], remove = [], put = [] } = batch;
      const of = { clear: clear.filter((table) => table !== "records"), remove: remove.filter(isCopied), put: put.filter(isCopied) };
      if (!of.clear.length && !of.remove.length && !of.put.length) return true;
      try {
        await (await evened()).commit(of);
      } catch (error) {
        // With the next batch all of it is copied.
        even = undefined;
        // The browser has taken it away.
        if ((error as Partial<SynclineError>).code === "CLIENT_CLOSED") copying = undefined;
      }
      return true;
    },
    async flush() {
      await Promise.all([place.flush?.(), opened().then((copy) => copy.flush?.()).catch(alone)]);
    },
    async destroy() {
      // A copy that stayed would come back with the next opening: it is not passed over, and this may be tried again.
      const remove = async (): Promise<void> => (await opened()).destroy();
      await remove().catch(() => {
        copying = undefined;
        return remove();
      });
      if (!isRemoved) await place.destroy();
      isRemoved = true;
    },
    close() {
      void copying?.then((copy) => copy.close()).catch(alone);
      place.close();
    },
  };
}

function copiedOf(tables: ReadonlyMap<Table, ReadonlyMap<string, string>>): (readonly [Table, string, string])[] {
  return [...tables].flatMap(([table, rows]) => [...rows].map(([key, row]) => [table, key, row] as const)).filter(isCopied);
}

/**
 * Makes a copy anew that is of another client, or misses what was written while it could not be.
 *
 * - `stored`: what `meta` of the place had when it was read, where it was.
 */
async function makeEven(place: Storage, copy: Storage, stored?: ReadonlyMap<string, string>): Promise<void> {
  const [client, turn] = await copy.meta([CLIENT, TURN]);
  const [wanted, reached] = stored ? [stored.get(CLIENT), stored.get(TURN)] : await place.meta([CLIENT, TURN]);
  if (wanted === undefined || (client === wanted && Number(turn ?? 0) >= Number(reached ?? 0))) return;
  const clear = TABLES.filter((table) => table !== "records");
  // Where another tab writes into it meanwhile it stays as that leaves it, and is looked at again with the next opening.
  await copy.commit({ expect: [[CLIENT, client], [TURN, turn]], clear, put: copiedOf(await place.load()) });
}
