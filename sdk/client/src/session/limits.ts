/** The bounds of a session, each with its unit and its reason: those of `crates/syncline-protocol/src/limits.rs`. */

import { PUSH_OPERATIONS_MAX } from "../protocol/limits.js";

/** Pushes that may be unanswered before the client gathers until one is: enough to keep a hub busy across a round trip. */
export const PUSHES_UNANSWERED = 4;

/** Pushes that a hub takes in before it has answered one of them: room for what is urgent. */
export const PUSHES_UNANSWERED_MAX = 8;

/** Operations that one session holds: as many as fill its unanswered pushes. */
export const OPERATIONS_HELD_MAX = PUSHES_UNANSWERED * PUSH_OPERATIONS_MAX;

/**
 * Operations that are unanswered at once: those, and some that were urgent. A hub keeps 5,120 results of a client or more, those of
 * the highest counters: what it has applied and not answered must be among them when it is sent again.
 */
export const OPERATIONS_UNANSWERED_MAX = OPERATIONS_HELD_MAX + PUSH_OPERATIONS_MAX;

/** About how large a push grows, in bytes: half of the longest message, the rest is for what the estimate does not see. */
export const PUSH_BYTES = 4 << 20;

/** How small it becomes where connections end again and again with one unanswered, in bytes: a bad mobile network carries it in seconds. */
export const PUSH_BYTES_MIN = 32 << 10;

/** How long a client gathers operations while a push is unanswered, in milliseconds, and how many end the gathering at once. */
export const GATHER_MS = 200;
export const GATHER_OPERATIONS = 100;

/** How long stored changes may wait for others before they are acknowledged, in milliseconds. */
export const ACK_WAIT_MS_MAX = 500;

/** Of how many messages that the hub may send one acknowledgement covers a part, so that none waits for it. */
export const ACK_PARTS = 8;

/** Messages with changes that may be unacknowledged: what is asked for, and the most. */
export const WINDOW = 64;
export const WINDOW_MAX = 1_024;

/** First and last bound of the random wait before the next attempt, in milliseconds. */
export const RETRY_MS_FIRST = 1_000;
export const RETRY_MS_MAX = 30_000;

/** How often in a row a connection is made anew at once, because something was lost: reading all anew mends it, or nothing does. */
export const COMES_BACK_MAX = 4;

/** Longest wait that a hub can ask for, in milliseconds: an hour. */
export const LATER_MS_MAX = 3_600_000;

/** How long a connection may take to be made, and to be greeted, in milliseconds. */
export const CONNECT_MS_MAX = 30_000;
export const HELLO_MS_MAX = 10_000;

/** How long a connection must have lasted for the next wait to be short again, in milliseconds. */
export const LASTED_MS = 10_000;

/** Longest time between two signs of life that a hub can announce, in milliseconds: ten times the usual. */
export const HEARTBEAT_MS_MAX = 300_000;

/** Messages about checksums and holdings that wait to be sent. */
export const CHECKS_MAX = 64;
