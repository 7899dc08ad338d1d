/** Waiting for a bounded time. */

import { SynclineError } from "../error.js";

/**
 * Waits for a promise, for so many milliseconds at most, or until the signal says to stop.
 *
 * @throws SynclineError `CLIENT_TIMEOUT`.
 */
export function within<T>(promise: Promise<T>, ms: number, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new SynclineError("CLIENT_TIMEOUT", "it was not done in time", { retryable: true }));
    if (signal?.aborted === true) return late();
    const timer = setTimeout(late, Math.max(0, ms));
    signal?.addEventListener("abort", late);
    void promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", late);
    });
  });
}
