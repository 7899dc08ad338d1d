/** What a test finds in a tab: `window.page`. Tests bring their own functions; this only leads them to the client. */

import * as syncline from "@syncline/client";

const page = { syncline };

export type Page = typeof page;

declare global {
  interface Window {
    page: Page;
  }
}

window.page = page;
