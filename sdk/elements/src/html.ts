/**
 * The elements as a server writes them: what stands inside is what is shown until scripts run, or where none do.
 *
 * Dates are written with their zone, since a server does not know that of the reader; ages are not written at all, since nobody
 * would have them grow.
 */

import { millisOf, type Timestamp } from "./age.js";
import { localeOf, writtenOf } from "./language.js";
import { stateOf, wordsOf } from "./words.js";

/** For whom is written. */
export interface Reader {
  /** The language of the page; English unless named. */
  readonly language?: string | undefined;
  /** The zone in which dates are written; UTC unless named. */
  readonly timeZone?: string | undefined;
}

/** What `<sync-last-updated>` shows. */
export interface LastUpdatedFacts {
  readonly timestamp?: Timestamp;
  readonly label?: string | undefined;
  readonly showRelative?: boolean | undefined;
}

/** What `<sync-status>` shows. */
export interface SyncStatusFacts {
  readonly lastSyncedAt?: Timestamp;
  readonly syncStatus?: string | undefined;
}

/** What `<sync-data-freshness>` shows. */
export interface DataFreshnessFacts {
  readonly timestamp?: Timestamp;
  readonly warningThresholdMinutes?: number | undefined;
  readonly errorThresholdMinutes?: number | undefined;
}

/** An element with its attributes, and what stands inside. */
export interface Written {
  readonly name: "sync-last-updated" | "sync-status" | "sync-data-freshness";
  readonly attributes: Readonly<Record<string, string>>;
  readonly inside: string;
}

/** Returns the parts of `<sync-last-updated>`; it shows an age unless told otherwise. */
export function lastUpdated({ timestamp, label, showRelative = true }: LastUpdatedFacts, reader: Reader = {}): Written {
  const lead = label ?? wordsFor(reader).updated;
  const attributes = { timestamp: iso(timestamp), label, "show-relative": showRelative ? "" : undefined };
  return write("sync-last-updated", attributes, `${escape(lead)}${lead === "" ? "" : ": "}${timeOf(timestamp, reader)}`);
}

/** Returns the parts of `<sync-status>`. */
export function syncStatus({ lastSyncedAt, syncStatus: state }: SyncStatusFacts, reader: Reader = {}): Written {
  const words = wordsFor(reader);
  const inside = `${escape(words[stateOf(state)])} · ${escape(words.lastSynced)}: ${timeOf(lastSyncedAt, reader)}`;
  return write("sync-status", { "last-synced-at": iso(lastSyncedAt), "sync-status": state }, inside);
}

/** Returns the parts of `<sync-data-freshness>`: how fresh it is only a clock can say. */
export function dataFreshness({ timestamp, warningThresholdMinutes, errorThresholdMinutes }: DataFreshnessFacts, reader: Reader = {}): Written {
  const attributes = {
    timestamp: iso(timestamp),
    "warning-threshold-minutes": warningThresholdMinutes?.toString(),
    "error-threshold-minutes": errorThresholdMinutes?.toString(),
  };
  return write("sync-data-freshness", attributes, `${escape(wordsFor(reader).updated)}: ${timeOf(timestamp, reader)}`);
}

/** Returns an element as HTML, safe to put into a page: `toHtml(lastUpdated({ timestamp }))`. */
export function toHtml({ name, attributes, inside }: Written): string {
  const written = Object.entries(attributes).map(([attribute, value]) => ` ${attribute}="${escape(value)}"`);
  return `<${name}${written.join("")}>${inside}</${name}>`;
}

const wordsFor = ({ language = "en" }: Reader) => wordsOf(localeOf(language)).words;

function write(name: Written["name"], attributes: Readonly<Record<string, string | undefined>>, inside: string): Written {
  const given = Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { name, attributes: Object.fromEntries(given), inside };
}

function iso(timestamp: Timestamp): string | undefined {
  const millis = millisOf(timestamp);
  return millis === undefined ? undefined : new Date(millis).toISOString();
}

function timeOf(timestamp: Timestamp, reader: Reader): string {
  const millis = iso(timestamp);
  if (millis === undefined) return escape(wordsFor(reader).never);
  return `<time datetime="${millis}">${escape(writtenOf(timestamp, reader.language, reader.timeZone))}</time>`;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
