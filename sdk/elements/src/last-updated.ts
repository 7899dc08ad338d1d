/** `<sync-last-updated>`. */

import type { Timestamp } from "./age.js";
import { type Content, FreshnessElement } from "./element.js";
import { flag, reflect, text, time } from "./property.js";
import type { Words } from "./words.js";

/** When something was last updated: as an age with `show-relative`, else as a date. */
export class SyncLastUpdatedElement extends FreshnessElement {
  static readonly observedAttributes = ["timestamp", "label", "show-relative", "time-zone", "lang"];

  declare timestamp: Timestamp;
  /** What stands before the time; "" for nothing, none for "Last updated" in the language of the place. */
  declare label: string | null | undefined;
  declare showRelative: boolean;

  protected override content(words: Words): Content {
    const { timestamp, label, showRelative: isRelative } = this;
    const named = label ?? words.updated;
    return { state: "", lead: named === "" ? "" : `${named}: `, isOwnLead: typeof label === "string", timestamp, isRelative };
  }
}

reflect(SyncLastUpdatedElement, { timestamp: ["timestamp", time], label: ["label", text], showRelative: ["show-relative", flag] });
