/** When the platform has nothing better to do. */

import { IDLE_FALLBACK_MS } from "./limits.js";

/** Calls back once in idle time; what it returns takes that back. */
export type Idle = (run: () => void) => () => void;

/** `requestIdleCallback` where there is one (Safari and Node have none), a short wait otherwise. */
export const whenIdle: Idle = (run) => {
  if (typeof requestIdleCallback === "function") {
    const handle = requestIdleCallback(run);
    return () => cancelIdleCallback(handle);
  }
  const handle = setTimeout(run, IDLE_FALLBACK_MS);
  return () => clearTimeout(handle);
};
