/** `<sync-status>`. */

import { millisOf, type Timestamp } from "./age.js";
import { type Content, FreshnessElement } from "./element.js";
import { reflect, text, time } from "./property.js";
import { stateOf, type Words } from "./words.js";

/** How something stands to the hub, and when it last was the same. A change of the state is read out; the passing of time is not. */
export class SyncStatusElement extends FreshnessElement {
  static readonly observedAttributes = ["last-synced-at", "sync-status", "time-zone", "lang"];

  declare lastSyncedAt: Timestamp;
  /** One of `SyncState`; whatever else it is, is shown as unknown. */
  declare syncStatus: string | null | undefined;

  protected override get isAnnounced(): boolean {
    return true;
  }

  protected override content(words: Words): Content {
    const mark = stateOf(this.syncStatus);
    const timestamp = this.lastSyncedAt;
    // "Synced · 5 minutes ago" needs no more words.
    const isPlain = mark === "synced" && millisOf(timestamp) !== undefined;
    return { mark, state: words[mark], lead: isPlain ? " · " : ` · ${words.lastSynced}: `, timestamp, isRelative: true };
  }
}

reflect(SyncStatusElement, { lastSyncedAt: ["last-synced-at", time], syncStatus: ["sync-status", text] });
