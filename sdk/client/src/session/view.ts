/** What a client follows on a connection: what was received, and what is stored of it. */

import type { Follow, Page } from "../protocol/message.js";

/** One view of a client. */
export interface View {
  /** What is followed; its cursor is that of what is stored. */
  follow: Follow;
  /** Where the last page of this connection ended. */
  received: string | undefined;
  /** What is to be acknowledged, and how many messages that covers. */
  ack: { readonly cursor: string; readonly count: number } | undefined;
}

export const newView = (follow: Follow): View => ({ follow, received: follow.cursor, ack: undefined });

/** Returns whether a cursor stands within a snapshot: then a full stop and the place follow that of the log. */
export const isWithinSnapshot = (cursor: string | undefined): boolean => cursor?.includes(".") === true;

/** Takes in a page; answers whether it begins the view anew, or `undefined` where it cannot be what a hub says. */
export function receive(view: View, page: Page): boolean | undefined {
  const last = view.received;
  const isWithin = isWithinSnapshot(last);
  const continues = last !== undefined && (page.snapshot === true) === isWithin;
  if (page.snapshot !== true && (!continues || goesBack(last, page.cursor))) return undefined;
  view.received = page.cursor;
  return page.begins === true || !continues;
}

/** Returns whether a cursor is older than the one before, as far as can be seen: of those that are spelt `<incarnation>:<number>`. */
function goesBack(last: string, next: string): boolean {
  const [before, from] = last.split(":");
  const [now, to] = next.split(":");
  if (from === undefined || to === undefined) return false;
  return before !== now || Number(to) < Number(from);
}

/** A page is stored, and with it all before. */
export function store(view: View, cursor: string, isLost: boolean): void {
  view.follow = { ...view.follow, cursor };
  if (!isLost) view.ack = { cursor, count: (view.ack?.count ?? 0) + 1 };
}
