"use client";
/** The elements for React, under the names and with the properties that spec 004 gives them. */

import { createElement, type HTMLAttributes, type ReactElement, useState } from "react";
import { type DataFreshnessFacts, dataFreshness, type LastUpdatedFacts, lastUpdated, type Reader, type SyncStatusFacts, syncStatus, type Written } from "./html.js";
import "./index.js";

export { defineWords, learnServerTime, type ServerTime, type SyncState, type Timestamp, type Words } from "./index.js";

/** What all take besides: whatever else HTML does, and for whom the server writes. */
export interface Common extends Reader, Omit<HTMLAttributes<HTMLElement>, "children" | "dangerouslySetInnerHTML"> {}

export type LastUpdatedTimestampProps = LastUpdatedFacts & Common;
export type SyncStatusProps = SyncStatusFacts & Common;
export type DataFreshnessProps = DataFreshnessFacts & Common;

/** When something was last updated: as an age, or as a date with `showRelative={false}`. */
export function LastUpdatedTimestamp({ timestamp, label, showRelative, ...rest }: LastUpdatedTimestampProps): ReactElement {
  return useElement(lastUpdated({ timestamp, label, showRelative }, rest), rest);
}

/** How something stands to the hub, and when it last was the same. */
export function SyncStatus({ lastSyncedAt, syncStatus: state, ...rest }: SyncStatusProps): ReactElement {
  return useElement(syncStatus({ lastSyncedAt, syncStatus: state }, rest), rest);
}

/** How fresh something is. */
export function DataFreshness({ timestamp, warningThresholdMinutes, errorThresholdMinutes, ...rest }: DataFreshnessProps): ReactElement {
  return useElement(dataFreshness({ timestamp, warningThresholdMinutes, errorThresholdMinutes }, rest), rest);
}

function useElement({ name, attributes, inside }: Written, { language, timeZone, className, ...rest }: Common): ReactElement {
  // What is inside belongs to the element once scripts run: React writes it once, and never looks into it again.
  const [html] = useState({ __html: inside });
  return createElement(name, {
    ...rest,
    ...attributes,
    // As an attribute: React 18 knows no other of an element that it does not know.
    class: className,
    "time-zone": timeZone,
    dangerouslySetInnerHTML: html,
    suppressHydrationWarning: true,
  });
}
