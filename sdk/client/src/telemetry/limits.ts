/** The bounds of telemetry, each with its unit and its reason. */

/** Buckets of a histogram. With eight to a doubling they reach from 1 ms to about 45 days. */
export const BUCKETS = 256;

/** Buckets to a doubling: what is read off is at most 9.1 % too high. */
export const BUCKETS_PER_DOUBLING = 8;

/** Most edits whose fate is waited for at the same time; what is beyond counts as begun and nothing more. */
export const WATCHED_MAX = 1_000;

/** Longest wait for the fate of an edit, in milliseconds: a day. Edits of longer journeys are judged by nothing here. */
export const FATE_MS_MAX = 86_400_000;

/** Most conflicts whose settlement is waited for. */
export const CONFLICTS_MAX = 1_000;

/** How often a report is made, in milliseconds: every 5 seconds (spec 003, monitoring). */
export const REPORT_MS = 5_000;

/** How often one is sent to an address, in milliseconds. */
export const SEND_MS = 60_000;

/** Largest report that a browser sends while the page goes, in bytes: 64 KiB for all that is under way (Fetch, keepalive). */
export const SENT_BYTES_MAX = 60_000;

/** How long a failure counts for the error rate, in milliseconds: five minutes (spec 003, `checkAndTriggerAlerts`). */
export const ERROR_WINDOW_MS = 300_000;

/** Edits in that time below which a rate says nothing. */
export const ERROR_EDITS_MIN = 10;
