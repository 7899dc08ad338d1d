/** The bounds of adapting, each with its unit and its reason. */

/** Longest time that an edit is held back, in milliseconds: five minutes. Whoever looks at the other device still remembers the edit. */
export const DEFER_MS_MAX = 300_000;

/** How long edits wait for company, in milliseconds, where the app does not say. */
export const DEFER_MS = { fair: 500, slow: 5_000, saving: 30_000 };

/** How often a page that nobody sees connects to save data or battery, in milliseconds. */
export const HIDDEN_MS = 300_000;

/** So many edits are sent however short they have waited: those of one batch (docs/protocol.md §5). */
export const DEFER_OPERATIONS = 100;

/** Share of a battery, without a charger, below which it is spared: where phones begin to warn. */
export const BATTERY_LOW = 0.2;

/**
 * Round trips from which a connection is no better than that, in milliseconds: those of `effectiveType` (Network Information API,
 * "table of effective connection types").
 */
export const ROUND_TRIP_MS = { fair: 270, slow: 1_400 };

/** How long a connection must be better before it counts as better, in milliseconds: on a train it comes and goes. */
export const STEADY_MS = 10_000;

/** Round trips of which the median counts. */
export const ROUND_TRIPS = 5;

/** How long a round trip counts, in milliseconds. */
export const ROUND_TRIP_VALID_MS = 300_000;

/** How often one is measured where the browser tells nothing of the connection, and after how long it is given up, in milliseconds. */
export const PROBE_EVERY_MS = 60_000;
export const PROBE_MS_MAX = 5_000;

/** How often a tab that is seen says so, and for how long the others believe it, in milliseconds: hidden ones may be woken once a minute. */
export const VISIBLE_SAY_MS = 30_000;
export const VISIBLE_VALID_MS = 100_000;

/** Tabs that are taken note of; one of them is enough. */
export const TABS_MAX = 64;
