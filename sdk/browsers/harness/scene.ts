/** A hub, a network that can be cut between it and browsers, and the pages that they open. */

import { type Hub, startHub } from "../../client/test/hub.js";
import { type Pages, servePages } from "./pages.js";
import { type Proxy, startProxy } from "./proxy.js";
import type { Tab } from "./tab.js";

/** How a client is opened in a tab; what is left out is this scene's. */
export interface Opening {
  readonly name?: string;
  readonly device?: string;
  /** The way to the hub: that of the scene, one of the test's own, or `null` for none. */
  readonly network?: Proxy | null;
  readonly transports?: readonly ("websocket" | "events" | "poll")[];
}

/** What a test plays in. Close it at the end. */
export interface Scene {
  readonly pages: Pages;
  readonly hub: Hub;
  /** The network between hub and browsers, where they have none of their own. */
  readonly network: Proxy;
  /** A further way to the hub, to be cut by itself. */
  anotherNetwork(): Promise<Proxy>;
  /** Opens a client in a tab that shows a page of this scene; it is `window.client` there. */
  open(tab: Tab, opening?: Opening): Promise<void>;
  /** Returns a record as the hub has it, or `undefined`. */
  record(entity: string, id: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Starts everything. */
export async function startScene(): Promise<Scene> {
  const pages = await servePages();
  const hub = await startHub({ args: ["--origin", pages.origin] });
  const networks = [await startProxy(hub.url)] as const;
  const further: Proxy[] = [];
  const { token } = await hub.issue();
  return {
    pages,
    hub,
    network: networks[0],
    anotherNetwork: async () => {
      const made = await startProxy(hub.url);
      further.push(made);
      return made;
    },
    open: async (tab, { name = "board", device = "browser", network = networks[0], transports } = {}) => {
      const hubOf = network === null ? {} : { url: network.url, token };
      const options = { name, device, ...hubOf, ...(transports && { transports }) };
      await tab.run((facts) => window.page.open(facts), options);
    },
    record: async (entity, id) => {
      const path = `/v1/entities/${entity}/records/${id}`;
      const held = await hub.ask("GET", path).catch((error: unknown) => {
        if (error instanceof Error && error.message.includes(": 404 ")) return undefined;
        throw error;
      });
      return (held as { readonly record?: unknown } | undefined)?.record;
    },
    close: async () => {
      for (const network of [...networks, ...further]) await network.close();
      await hub.stop();
      await pages.close();
    },
  };
}
