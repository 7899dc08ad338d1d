/** `<sync-data-freshness>`. */

import { freshnessOf, millisOf, type Timestamp } from "./age.js";
import { type Content, FreshnessElement } from "./element.js";
import { count, reflect, time } from "./property.js";
import type { Words } from "./words.js";

/** From which age on data is aging, in minutes, where a page says nothing else. Source: spec 004's example. */
export const WARNING_MINUTES = 60;
/** From which age on it is stale. Source: spec 004's example. */
export const ERROR_MINUTES = 180;

/** How fresh something is. It changes as time passes, and is read out to nobody who has not asked. */
export class SyncDataFreshnessElement extends FreshnessElement {
  static readonly observedAttributes = ["timestamp", "warning-threshold-minutes", "error-threshold-minutes", "time-zone", "lang"];

  declare timestamp: Timestamp;
  declare warningThresholdMinutes: number;
  declare errorThresholdMinutes: number;

  protected override content(words: Words, now: number): Content {
    const { timestamp } = this;
    const then = millisOf(timestamp);
    const thresholds = { warningMinutes: this.warningThresholdMinutes, errorMinutes: this.errorThresholdMinutes };
    const { freshness: mark, untilMs } = then === undefined ? ({ freshness: "unknown", untilMs: Infinity } as const) : freshnessOf(now - then, thresholds);
    return { mark, state: words[mark], lead: " · ", timestamp, isRelative: true, changesInMs: (then ?? 0) + untilMs - now };
  }
}

reflect(SyncDataFreshnessElement, {
  timestamp: ["timestamp", time],
  warningThresholdMinutes: ["warning-threshold-minutes", count(WARNING_MINUTES)],
  errorThresholdMinutes: ["error-threshold-minutes", count(ERROR_MINUTES)],
});
