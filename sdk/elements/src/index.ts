/**
 * How fresh data is, shown to people: `<sync-last-updated>`, `<sync-status>` and `<sync-data-freshness>`.
 *
 * Importing this defines them. `html.ts` writes them on a server, `react.ts` wraps them.
 *
 * | You want | Read |
 * |---|---|
 * | how old something is, and until when it reads so | `age.ts` |
 * | the one timer that they share | `shown.ts` |
 * | the time of the server | `clock.ts` |
 * | words and languages | `words.ts`, `language.ts` |
 * | what stands where in the page | `element.ts` |
 */

import { SyncDataFreshnessElement } from "./data-freshness.js";
import { SyncLastUpdatedElement } from "./last-updated.js";
import { SyncStatusElement } from "./sync-status.js";

export type { Freshness, Timestamp } from "./age.js";
export { learnServerTime, serverNow, type ServerTime } from "./clock.js";
export { defineWords, type SyncState, type Words } from "./words.js";
export { SyncDataFreshnessElement, SyncLastUpdatedElement, SyncStatusElement };

declare global {
  interface HTMLElementTagNameMap {
    "sync-last-updated": SyncLastUpdatedElement;
    "sync-status": SyncStatusElement;
    "sync-data-freshness": SyncDataFreshnessElement;
  }
}

// There are none on a server, and a page may have loaded them twice.
for (const [name, element] of [
  ["sync-last-updated", SyncLastUpdatedElement],
  ["sync-status", SyncStatusElement],
  ["sync-data-freshness", SyncDataFreshnessElement],
] as const) {
  if (globalThis.customElements?.get(name) === undefined) globalThis.customElements?.define(name, element);
}
