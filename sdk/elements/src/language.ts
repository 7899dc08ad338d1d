/** Times in the words of a language. */

import { ageOf, type Timestamp, millisOf } from "./age.js";

/** Most formatters that are kept: languages and zones of one page are few. */
const FORMATTERS_MAX = 32;

interface Formatters {
  readonly locale: string;
  readonly relative: Intl.RelativeTimeFormat;
  /** "now". */
  readonly now: string;
  readonly absolute: Intl.DateTimeFormat;
}

const formatters = new Map<string, Formatters>();

/** Returns the language that an element stands in, or `undefined` where nobody says; shadow roots are looked out of. */
export function languageOf(element: Element): string | undefined {
  for (let at: Element | undefined = element; at !== undefined; ) {
    const found: Element | null = at.closest("[lang]");
    if (found !== null) return found.getAttribute("lang") || undefined;
    const root: Node = at.getRootNode();
    at = root instanceof ShadowRoot ? root.host : undefined;
  }
  return undefined;
}

/** Returns the locale that is used for a language: the browser's own where the language is none, or not named. */
export function localeOf(language: string | undefined): string {
  return formattersOf(language, undefined).locale;
}

/** Returns an age in words and after how long it is told in others; `undefined` for the words where a date says it better. */
export function relativeTo(now: number, then: number, language?: string): { readonly text: string | undefined; readonly changesInMs: number } {
  const { age, untilMs } = ageOf(now - then);
  const made = formattersOf(language, undefined);
  // Zero is "now"; of all else the number is said: "yesterday" is not what a day ago is.
  const text = age && (age.count === 0 ? made.now : made.relative.format(-age.count, age.unit));
  return { text, changesInMs: then + untilMs - now };
}

/** Returns date and time of day in words, in a zone or in that of the device. */
export function absoluteOf(then: number, language?: string, zone?: string): string {
  return formattersOf(language, zone).absolute.format(then);
}

/** Returns date, time and zone in words, for a page that is written where its readers are not; "" for what is no time. */
export function writtenOf(timestamp: Timestamp, language = "en", zone = "UTC"): string {
  const then = millisOf(timestamp);
  if (then === undefined) return "";
  return new Intl.DateTimeFormat(language, { ...FIELDS, timeZone: zone, timeZoneName: "short" }).format(then);
}

const FIELDS = { year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit" } as const;

function formattersOf(language: string | undefined, zone: string | undefined): Formatters {
  const key = `${language} ${zone}`;
  let found = formatters.get(key);
  if (found === undefined) {
    found = make(language, zone);
    if (formatters.size >= FORMATTERS_MAX) formatters.clear();
    formatters.set(key, found);
  }
  return found;
}

/** What is no language, or no zone, is as if it were not named. */
function make(language: string | undefined, zone: string | undefined): Formatters {
  try {
    const relative = new Intl.RelativeTimeFormat(language);
    const absolute = new Intl.DateTimeFormat(language, { ...FIELDS, ...(zone && { timeZone: zone }) });
    const now = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
    return { relative, now, absolute, locale: relative.resolvedOptions().locale };
  } catch {
    return zone === undefined ? make(undefined, undefined) : make(language, undefined);
  }
}
