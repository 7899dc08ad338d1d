/** The bounds of prefetching, each with its unit and its reason. */

/** Most things whose frequency is known. As many as the spec keeps of a history (003, `updateAccessPatterns`). */
export const OPENED_MAX = 1_000;

/** Most contexts, one or two things that were opened, of which it is known what followed. About 1 MB with rows that are full. */
export const CONTEXTS_MAX = 2_000;

/** Most things that are known to follow a context. What comes behind them is less likely than what is opened often at all. */
export const FOLLOWERS_MAX = 16;

/** Sum of the counts of a row beyond which it is halved: so many openings later a habit that ended counts half. */
export const ROW_COUNT_MAX = 200;

/** The same for what is opened at all, which says something only over many openings. */
export const OPENED_COUNT_MAX = 2_000;

/** Longest key that is learnt, in UTF-16 code units. Longer ones are loaded and not foreseen. */
export const KEY_CHARS_MAX = 512;

/** Things that are kept where the app does not say how many. */
export const CAPACITY = 100;

/** Share of what is kept that may be things which nobody has opened yet: so a bad guess costs no more than that. */
export const UNOPENED_SHARE = 0.3;

/** Things that are loaded ahead at most after one was opened. */
export const AHEAD = 4;

/** Likelihood below which nothing is loaded ahead: below it four of five loads are for nothing. */
export const LIKELIHOOD_MIN = 0.05;

/** Longest time that something is loaded ahead, in milliseconds; then it is given up, so that a request that hangs holds nothing up. */
export const LOAD_MS_MAX = 10_000;

/** Waits so long where the platform cannot tell when it is idle, in milliseconds: long enough for what the opening itself began. */
export const IDLE_FALLBACK_MS = 200;
