/**
 * Sending what waits after the last tab has closed, by a service worker.
 *
 * In the worker:
 *
 * ```ts
 * import { handleSync } from "@syncline/client/worker";
 * self.addEventListener("sync", (event) => handleSync(event, (name) => ({ name, url, token })));
 * ```
 *
 * In the page: `keepSending(client, name)`. The browser wakes the worker once the device is online. The worker opens the same
 * client as a tab does: where a tab leads, that one is asked to send, and where none does the worker leads until it is done.
 */

import type { Client, Options } from "../api.js";
import { open as openClient } from "../client.js";
import { connect } from "../connection/connect.js";
import { openPoll } from "../connection/poll.js";
import { later } from "../later.js";
import { openOwn } from "../storage/own.js";
import { compare, holdings, sumOf } from "../store/check.js";

const TAG = "syncline:";
/** A service worker may load nothing once it runs. It has what polling needs. */
const HELD: Partial<typeof later> = {
  connect: async () => ({ connect }),
  poll: async () => ({ openPoll }),
  check: async () => ({ compare, holdings, sumOf }),
  own: async () => ({ openOwn }),
};
/** How long a worker tries, in milliseconds: browsers end one after some minutes, and wake it again if it says that it failed. */
const SYNC_MS_MAX = 90_000;

/**
 * How long edits wait for a tab to send them before the worker is to be woken, in milliseconds. They are kept by then: one that comes
 * before they are finds nothing to send, and takes the turn from the tab that is about to keep them. And a page that begins is offline
 * for a moment.
 */
const WAKE_AFTER_MS = 1_000;
/** Longest until it is to be woken again, while edits still wait; the time doubles from once to once. */
const WAKE_AGAIN_MS_MAX = 300_000;

/** What is needed of the event `sync`. */
export interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(promise: Promise<unknown>): void;
}

/** What is under way, by name: a second event of a name waits for the first. */
const underWay = new Map<string, Promise<void>>();

/**
 * Answers the event `sync` of a service worker; says whether it was meant for a client.
 *
 * - `optionsOf`: how the client of a name is opened; `undefined` where there is none of that name. Strategy and transports are the
 *   worker's own.
 */
export function handleSync(event: Event, optionsOf: (name: string) => Options | undefined, open: (options: Options) => Promise<Client> = openClient): boolean {
  const { tag } = event as SyncEvent;
  const options = tag?.startsWith(TAG) ? optionsOf(tag.slice(TAG.length)) : undefined;
  if (options === undefined) return false;
  Object.assign(later, HELD);
  const { name } = options;
  const known = underWay.get(name);
  const run = known ?? sync(options, open).finally(() => underWay.delete(name));
  underWay.set(name, run);
  (event as SyncEvent).waitUntil(run);
  return true;
}

async function sync(options: Options, open: (options: Options) => Promise<Client>): Promise<void> {
  const client = await open({ ...options, strategy: { kind: "event-driven" }, transports: ["poll"] });
  try {
    await client.sync(SYNC_MS_MAX);
  } catch (error) {
    // Being woken again helps nobody until the person has logged in.
    if (!client.status().isUnauthorised) throw error;
  } finally {
    await client.close();
  }
}

/** What is needed of a page. */
export interface Page {
  /** The service worker, once there is one; never where the site has none. */
  readonly worker: Promise<{ readonly sync?: { register(tag: string): Promise<void> } }> | undefined;
  readonly window: Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined;
}

function browser(): Page {
  return {
    worker: globalThis.navigator?.serviceWorker?.ready as Page["worker"],
    window: typeof document === "object" ? globalThis : undefined,
  };
}

/**
 * Has what waits be sent once the device is online, also when no tab is open any more; answers what ends that.
 *
 * Browsers without background synchronisation send it as soon as a tab is online, and otherwise when the app is opened next:
 * what waits is kept on the device.
 */
export function keepSending(client: Pick<Client, "status" | "onStatus" | "sync">, name: string, { worker, window }: Page = browser()): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = WAKE_AFTER_MS;
  const register = async (): Promise<void> => {
    try {
      const { sync } = (await worker) ?? {};
      await sync?.register(TAG + name);
    } catch {
      // The person or the browser refuses it; `online` and the next opening remain.
    }
  };
  const look = (): void => {
    const { pending, network } = client.status();
    if (pending > 0 && network === "offline") {
      timer ??= setTimeout(() => {
        timer = undefined;
        waitMs = Math.min(waitMs * 2, WAKE_AGAIN_MS_MAX);
        void register();
        look();
      }, waitMs);
      return;
    }
    clearTimeout(timer);
    timer = undefined;
    waitMs = WAKE_AFTER_MS;
  };
  const leave = (): void => {
    if (client.status().pending > 0) void register();
  };
  const comeBack = (): void => {
    if (client.status().pending > 0) client.sync().catch(() => undefined);
  };
  const events = [["pagehide", leave], ["online", comeBack]] as const;
  for (const [event, listener] of events) window?.addEventListener(event, listener);
  const stop = client.onStatus(look);
  look();
  return () => {
    stop();
    clearTimeout(timer);
    for (const [event, listener] of events) window?.removeEventListener(event, listener);
  };
}
