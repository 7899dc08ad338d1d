/** Sending reports somewhere. Nothing is sent unless an app asks for it. */

import type { Report } from "./measure.js";
import { SEND_MS, SENT_BYTES_MAX } from "./limits.js";

export interface SendOptions {
  /** How often at most, in milliseconds; every minute. */
  readonly everyMs?: number;
  /** Headers, as `authorization`. With headers a page that goes sends by `fetch`, which not all browsers finish. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly now?: () => number;
}

/**
 * Returns an `onReport` that posts reports as JSON to an address: the newest once in a while, and the last one as the page goes.
 *
 * One that does not arrive is not sent again: the next holds everything from the beginning on.
 */
export function sendTo(url: string, options: SendOptions = {}): (report: Report) => void {
  const { everyMs = SEND_MS, headers, now = () => Date.now() } = options;
  let sentAt = -Infinity;
  let unsent: Report | undefined;
  let isUnderWay = false;

  function send(isGoing: boolean): void {
    const body = JSON.stringify(unsent);
    if (unsent === undefined || body.length > SENT_BYTES_MAX || (isUnderWay && !isGoing)) return;
    unsent = undefined;
    sentAt = now();
    const beacon = typeof navigator === "undefined" ? undefined : navigator.sendBeacon?.bind(navigator);
    if (isGoing && headers === undefined && beacon?.(url, new Blob([body], { type: "application/json" }))) return;
    isUnderWay = true;
    void fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers }, keepalive: true, credentials: "omit" })
      .catch(() => undefined)
      .finally(() => (isUnderWay = false));
  }

  if (typeof document !== "undefined") {
    // The last event that every browser still gives a page before it may be gone.
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && send(true));
  }
  return (report) => {
    unsent = report;
    if (now() - sentAt >= everyMs) send(false);
  };
}
