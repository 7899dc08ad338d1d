/** What a test finds in a tab: `window.page`. Tests bring their own functions; this only leads them to the client. */

import * as syncline from "@syncline/client";
import type { Client, JsonObject, Options } from "@syncline/client";
import { indexeddb } from "../../client/src/storage/indexeddb.js";

/** Longest wait for anything: more than twice what a client waits at most before it tries again. */
const WAIT_MS_MAX = 120_000;
/** Between two looks: short, since latencies are measured by it. */
const LOOK_MS = 1;

const page = {
  syncline,
  indexeddb,
  worker: () => import("../../client/src/worker/index.js"),
  encryption: () => import("../../client/src/encryption/index.js"),
  contract: () => import("../../client/test/storage/contract.js"),

  /** Opens a client; it is `window.client`. */
  async open(options: Options): Promise<void> {
    window.client = await syncline.open(options);
  },

  /** Tells the test something that is to outlive the browser; it stands in `Pages.told` once it has arrived. */
  async tell(what: string): Promise<void> {
    await fetch("/told", { method: "POST", body: what });
  },

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + WAIT_MS_MAX;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`it never came about that ${what}: ${JSON.stringify(window.client?.status())}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  },

  /** Returns what is shown of every record of an entity, by id. */
  shown(entity: string): Record<string, JsonObject> {
    return Object.fromEntries(window.client.query({ entity }).map(({ id, value }) => [id, value]));
  },
};

export type Page = typeof page;

declare global {
  interface Window {
    page: Page;
    client: Client;
  }
}

window.page = page;
