/** How the client stands. */

import type { Status } from "@syncline/client";
import { useCallback, useSyncExternalStore } from "react";
import { useClientIfOpen } from "./provider.js";

/** Of a client that is not open yet, and on a server. */
const NOT_OPEN: Status = {
  network: "offline",
  transport: undefined,
  isLeader: false,
  isUnauthorised: false,
  pending: 0,
  quarantined: 0,
  kept: 0,
  repairs: 0,
  upToDateAt: undefined,
  durability: "best-effort",
};
const notOpen = (): Status => NOT_OPEN;

/** Returns how the client stands, and renders again when that changes. Never suspends: a client that is opening is offline. */
export function useSyncStatus(): Status {
  const client = useClientIfOpen();
  const subscribe = useCallback((listener: () => void) => client?.onStatus(() => listener()) ?? (() => {}), [client]);
  return useSyncExternalStore(subscribe, () => client?.status() ?? NOT_OPEN, notOpen);
}
