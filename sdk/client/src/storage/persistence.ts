/** Whether a browser keeps its places, and how one notices that it did not. */

import type { Storage } from "./storage.js";

/** How long a browser is not asked again after it refused, in milliseconds: some grant it to sites that are used often. */
const ASKED_AGAIN_MS = 30 * 24 * 60 * 60 * 1000;

/** What notes when it was asked: for all places of a site. */
const ASKED = "syncline:asked";

/** What notes which client was in a place. */
const MARK = "syncline:client:";

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
    // Node warns where it is asked, and a page that may keep nothing throws.
    return typeof document === "object" ? globalThis.localStorage : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns what becomes of what is stored.
 *
 * - `now`: milliseconds since the epoch. With it the browser is asked to keep what is stored, unless it was asked lately. Some ask the
 *   person, so there should be something to keep.
 */
export async function durabilityOf(storage: Storage, now?: number, { storage: manager, marks }: Site = browser()): Promise<Storage["durability"]> {
  if (storage.durability !== "best-effort" || manager?.persisted === undefined) return storage.durability;
  try {
    if (await manager.persisted()) return "persistent";
    if (now === undefined) return "best-effort";
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

/**
 * Notes outside of a place which client is in it; says whether it was another one before, so that the browser emptied the place.
 *
 * Where nothing can be noted, nothing was evicted as far as one can tell.
 */
export function noteClient(name: string, client: string, { marks }: Site = browser()): boolean {
  try {
    const before = marks?.getItem(MARK + name);
    marks?.setItem(MARK + name, client);
    return before != null && before !== client;
  } catch {
    return false;
  }
}

/** Takes the note away: the place is destroyed on purpose. */
export function forgetClient(name: string, { marks }: Site = browser()): void {
  try {
    marks?.removeItem(MARK + name);
  } catch {
    // Nothing could be noted either.
  }
}

/** What a client does so that its place stays. */
export interface Keeping {
  /** There is something to keep: the browser is asked, once. `now` is in milliseconds since the epoch. */
  ask(now: number): void;
  /** The place is destroyed on purpose. */
  forget(): void;
}

/** Looks after the place of a client, and tells when the browser has emptied it and what becomes of it. */
export function keep(
  storage: Storage,
  name: string,
  client: string,
  tell: { evicted(): void; durability(durability: Storage["durability"]): void },
  site: Site = browser(),
): Keeping {
  let hasAsked = false;
  if (noteClient(name, client, site)) tell.evicted();
  void durabilityOf(storage, undefined, site).then(tell.durability);
  return {
    ask(now) {
      if (!hasAsked) void durabilityOf(storage, now, site).then(tell.durability);
      hasAsked = true;
    },
    forget: () => forgetClient(name, site),
  };
}
