/** A time: how long ago, with the date for whoever wants it. */

import { LastUpdatedTimestamp } from "@syncline/elements/react";
import type { ReactElement } from "react";

/** How long ago something was. */
export function When({ at }: { readonly at: string | number }): ReactElement {
  return <LastUpdatedTimestamp timestamp={at} label="" showRelative />;
}

/** The date and time themselves, where order matters more than age; with the zone, which is that of this device. */
export function Moment({ at }: { readonly at: string | number }): ReactElement {
  const date = new Date(at);
  return <time dateTime={Number.isNaN(date.valueOf()) ? undefined : date.toISOString()}>{Number.isNaN(date.valueOf()) ? String(at) : FORMAT.format(date)}</time>;
}

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** Returns a span of time in words: two units at most. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const units: readonly (readonly [number, string])[] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const at = units.findIndex(([size]) => seconds >= size);
  const [size, unit] = units[at] ?? [1, "s"];
  const [smaller, smallerUnit] = units[at + 1] ?? [0, ""];
  const rest = smaller === 0 ? 0 : Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${unit}${rest === 0 ? "" : ` ${rest} ${smallerUnit}`}`;
}
