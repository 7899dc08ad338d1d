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

import { RESERVED } from "../store/enqueue.js";
import { indexeddb } from "./indexeddb.js";
import { memory } from "./memory.js";
import type { Batch, Storage, Table } from "./storage.js";

/** The bucket in which copies stand, of all places of a site. */
const BUCKET = "syncline";

/** The row of `meta` that says whose the operations are: a place without one is empty. */
const CLIENT = "client";

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
  try {
    const { indexedDB } = await storageBuckets.open(BUCKET);
    return withCopy(place, await indexeddb({ factory: indexedDB })(name));
  } catch {
    // As it is in browsers that have no buckets.
    return place;
  }
}

/** Returns a place of which what was not sent is written into a copy as well. */
export function withCopy(place: Storage, copy: Storage): Storage {
  const isCopied = ([table, key]: readonly [Table, string, string?]): boolean => table !== "records" && !(table === "meta" && OF_RECORDS.has(key));
  /** What could not be copied is lost only if the place is, too. */
  const alone = (): undefined => undefined;
  return {
    ...place,
    get durability() {
      return place.durability;
    },
    async load() {
      const loaded = await place.load();
      if (loaded.get("meta")?.has(CLIENT)) return loaded;
      const kept = await copy.load().catch(alone);
      if (!kept?.get("meta")?.has(CLIENT)) return loaded;
      const put = [...kept].flatMap(([table, rows]) => [...rows].map(([key, row]) => [table, key, row] as const));
      // Of counters given since the copy was written last nothing is known: the next ones are far behind them.
      const reserved: readonly [Table, string, string] = ["meta", RESERVED, String(Number(kept.get("meta")?.get(RESERVED) ?? 0) + COUNTERS_SKIPPED)];
      // Another tab may have done it meanwhile.
      await place.commit({ expect: [[CLIENT, undefined]], put: [...put.filter(isCopied), reserved] });
      return place.load();
    },
    async commit(batch: Batch) {
      if (!(await place.commit(batch))) return false;
      const { clear = [], remove = [], put = [] } = batch;
      const of = { clear: clear.filter((table) => table !== "records"), remove: remove.filter(isCopied), put: put.filter(isCopied) };
      if (of.clear.length || of.remove.length || of.put.length) await copy.commit(of).catch(alone);
      return true;
    },
    async flush() {
      await Promise.all([place.flush?.(), copy.flush?.().catch(alone)]);
    },
    async destroy() {
      await copy.destroy().catch(alone);
      await place.destroy();
    },
    close() {
      copy.close();
      place.close();
    },
  };
}
