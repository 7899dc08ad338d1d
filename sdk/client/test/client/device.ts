/** Clients for tests, of a hub that serves. */

import { WebSocket } from "ws";
import type { Client, Options, Shown, Status } from "../../src/api.js";
import type { SocketClass } from "../../src/connection/socket.js";
import { open } from "../../src/client.js";
import { memory } from "../../src/storage/memory.js";
import type { Hub } from "../hub.js";

/** How long something may take that is awaited, in milliseconds. */
const WAIT_MS_MAX = 15_000;

/** Opens a client of a hub over a WebSocket, in memory unless something else is said. */
export async function openClient(hub: Hub | undefined, options: Partial<Options> = {}): Promise<Client> {
  const name = options.name ?? `device-${Math.random().toString(36).slice(2)}`;
  const token = hub && (await hub.issue({ role: "client" })).token;
  const socket = WebSocket as unknown as SocketClass;
  return open({ storage: memory(), socket, ...(hub && { url: hub.url, token }), ...options, name });
}

/** Waits until something is so. */
export async function until(what: () => unknown, name = "it"): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    if (await what()) return;
    if (Date.now() > end) throw new Error(`${name} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function upToDate(client: Client): Promise<void> {
  return until(() => isUpToDate(client.status()), "being up to date");
}

function isUpToDate({ network, pending }: Status): boolean {
  return network === "up-to-date" && pending === 0;
}

/** Returns the records of a type by their ids. */
export function valuesOf(client: Client, entity = "tasks"): Record<string, unknown> {
  return Object.fromEntries(client.query({ entity }).map(({ id, value }: Shown) => [id, value]));
}
