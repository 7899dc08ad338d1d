/** What is loaded once it is needed. */

import type * as Connect from "./connection/connect.js";
import type * as Events from "./connection/events.js";
import type * as Poll from "./connection/poll.js";
import type * as Own from "./storage/own.js";
import type * as Persistence from "./storage/persistence.js";
import type * as Check from "./store/check.js";

/** Modules by what they are for. A service worker may load nothing later: it replaces these by what it has from its beginning. */
export const later: {
  connect(): Promise<Pick<typeof Connect, "connect">>;
  events(): Promise<Pick<typeof Events, "openEvents">>;
  poll(): Promise<Pick<typeof Poll, "openPoll">>;
  check(): Promise<Pick<typeof Check, "compare" | "holdings" | "sumOf">>;
  /** A service worker does without: it asks for nothing and notes nothing. */
  persistence(): Promise<Pick<typeof Persistence, "keep">>;
  own(): Promise<Pick<typeof Own, "openOwn">>;
} = {
  connect: () => import("./connection/connect.js"),
  events: () => import("./connection/events.js"),
  poll: () => import("./connection/poll.js"),
  check: () => import("./store/check.js"),
  persistence: () => import("./storage/persistence.js"),
  own: () => import("./storage/own.js"),
};
