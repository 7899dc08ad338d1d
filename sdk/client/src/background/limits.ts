/** The bounds of work in the background, each with its unit and its reason. */

/** How often a task runs at most, in minutes: the shortest that Android takes (spec 003; expo-background-task). */
export const EVERY_MINUTES_MIN = 15;

/** How long one run may take, in milliseconds: iOS gives an app about 30 s, and closing takes some of that. */
export const RUN_MS = 25_000;

/** How long closing may take, in milliseconds; what was written is durable before. */
export const CLOSE_MS = 3_000;

/** How long an app that goes to the background sends what waits, in milliseconds: iOS gives it about five seconds. */
export const FLUSH_MS = 4_000;
