/** The bounds of typing, each with its unit and its reason. */

/** Most steps that can be undone: nobody remembers more of what they typed. Older ones are dropped first. */
export const UNDO_STEPS_MAX = 200;

/** Most characters in what can be undone, so that deleting a long text again and again does not fill the memory. */
export const UNDO_CHARACTERS_MAX = 1_000_000;

/** Typing without a pause of so long, in milliseconds, is undone in one step. */
export const UNDO_PAUSE_MS = 1_000;

/** Pairs of characters that are compared to see what was done within a word; about a millisecond. */
export const COMPARED_CHARACTERS_MAX = 250_000;
