/** Whether a browser keeps its places, and how one notices that it did not. */

import type { Storage } from "./storage.js";

/** How long a browser is not asked again after it refused, in milliseconds: some grant it to sites that are used often. */
const ASKED_AGAIN_MS = 30 * 24 * 60 * 60 * 1000;

/** What notes when it was asked: for all places of a site. */
const ASKED = "syncline:asked";

/** What is known of the room that a browser grants a site. */
export interface Room {
  /** In bytes; a browser rounds both. */
  readonly used: number;
  readonly granted: number;
}

/** What is needed of a browser. */
export interface Site {
  readonly storage: Pick<StorageManager, "persist" | "persisted" | "estimate"> | undefined;
  /** Texts that stand apart from databases. Browsers that evict both at once leave no trace of either. */
  readonly marks: Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem"> | undefined;
}

function browser(): Site {
  return { storage: globalThis.navigator?.storage, marks: localMarks() };
}

function localMarks(): Site["marks"] {
  try {
    // Where a site may keep nothing, asking for it throws.
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/**
 * Asks the browser to keep what is stored, once in a long time, and answers what becomes of it.
 *
 * Some browsers ask the person: an app calls this when there is something to keep.
 *
 * - `now`: milliseconds since the epoch.
 */
export async function durabilityOf(storage: Storage, now: number, { storage: manager, marks }: Site = browser()): Promise<Storage["durability"]> {
  if (storage.durability !== "best-effort" || manager?.persisted === undefined) return storage.durability;
  try {
    if (await manager.persisted()) return "persistent";
    // A clock that was wrong by far does not put it off for ever.
    const asked = marks?.getItem(ASKED);
    if (asked != null && Math.abs(now - Number(asked)) < ASKED_AGAIN_MS) return "best-effort";
    marks?.setItem(ASKED, String(now));
    return (await manager.persist()) ? "persistent" : "best-effort";
  } catch {
    return "best-effort";
  }
}

/** Returns how much room there is, where the browser tells. */
export async function roomOf({ storage: manager }: Site = browser()): Promise<Room | undefined> {
  const { usage, quota } = (await manager?.estimate?.().catch(() => undefined)) ?? {};
  return usage === undefined || quota === undefined ? undefined : { used: usage, granted: quota };
}

/** The code of what is told of a place that was evicted. */
export const EVICTED = "CLIENT_STORE_EVICTED";

/** What was noted of a place outside of it. */
export interface Mark {
  /** Whether a place that was made is empty now: the browser evicted it, or the person deleted the site's data in part. */
  wasEvicted(isEmpty: boolean): boolean;
  /** Notes that there is something in it. */
  set(): void;
  /** To be called when the place is destroyed on purpose. */
  clear(): void;
}

/** Returns the mark of a place. Where nothing can be noted, nothing was evicted as far as one can tell. */
export function markOf(name: string, { marks }: Site = browser()): Mark {
  const key = `syncline:${name}:made`;
  const quietly = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch {
      return undefined;
    }
  };
  return {
    wasEvicted: (isEmpty) => isEmpty && quietly(() => marks?.getItem(key)) != null,
    set: () => void quietly(() => marks?.setItem(key, "1")),
    clear: () => void quietly(() => marks?.removeItem(key)),
  };
}
