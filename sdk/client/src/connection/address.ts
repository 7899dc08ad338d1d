/** The address of a hub. */

import { SynclineError } from "../error.js";

/** Returns a hub's address without a slash at its end. @throws SynclineError `CLIENT_ADDRESS_INVALID`. */
export function hubAddress(url: string): string {
  if (!/^https?:\/\/[^\s/?#@]+(\/[^\s?#@]*)?$/.test(url)) throw new SynclineError("CLIENT_ADDRESS_INVALID", "not the address of a hub");
  return url.replace(/\/+$/, "");
}
