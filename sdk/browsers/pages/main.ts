/** What a test finds in a tab: `window.page`. Tests bring their own functions; this only leads them to the client. */

import * as syncline from "@syncline/client";
import { indexeddb } from "../../client/src/storage/indexeddb.js";

/** Tells the test something that is to outlive the browser; it stands in `Pages.told` once it has arrived. */
function tell(what: string): Promise<unknown> {
  return fetch("/told", { method: "POST", body: what });
}

const page = {
  syncline,
  indexeddb,
  tell,
  contract: () => import("../../client/test/storage/contract.js"),
};

export type Page = typeof page;

declare global {
  interface Window {
    page: Page;
  }
}

window.page = page;
