/** What the connection asks of the store. Each answer that is a promise is one transaction, durable once it is kept. */

import type { Follow, Page, Result, Stretch, Welcome } from "../protocol/message.js";
import type { Operation } from "../protocol/operation.js";

/** An operation that waits and may be sent: its lane does not stand. */
export interface Waiting {
  readonly operation: Operation;
  readonly isUrgent: boolean;
  /** It came after this one, which was refused, and the hub may have applied it all the same: it is asked for. */
  readonly asked: number | undefined;
  /** Whether a former life of the hub has applied it. */
  readonly isResent: boolean;
}

/** What became of an operation, as the session says. */
export type Settled =
  | {
      readonly operation: Operation;
      /** Its `version` is whole. */
      readonly result: Result;
      /** Counters of operations that come after one that was refused and may have been applied all the same. */
      readonly asked: readonly number[];
    }
  /** One of those was not. */
  | { readonly operation: Operation; readonly because: number };

/** What came of what the hub said. */
export interface TakenIn {
  /** Something did not fit, so something was lost: the cursors are forgotten, and all is to be read again over a new connection. */
  readonly isUnfit: boolean;
}

/** What records add up to, and as of which cursor. */
export interface Sum {
  readonly cursor: string;
  readonly sum: string;
}

export interface StoreSide {
  /** The name by which the hub knows the client. */
  readonly client: string;

  /** Returns what is followed, each from its stored cursor on. */
  follows(): readonly Follow[];

  /** Returns operations behind the counter `after`, in order, at most `limit`. */
  waiting(after: number, limit: number): readonly Waiting[];

  /** Returns how many operations wait, those that are under way included. */
  pending(): number;

  /** Takes note that an operation is handed out to be sent: from now on it stays as it is. */
  noteHanded(counter: number): void;

  /**
   * Takes in what became of operations.
   *
   * - `backedUp`: up to where a backup of the hub has everything; what is behind it is kept. `undefined`: there is none.
   */
  settle(settled: readonly Settled[], backedUp: number | undefined): Promise<TakenIn>;

  /**
   * Takes in changes and their cursor. The `version` of a change may be short (`docs/protocol.md` §6).
   *
   * - `begins`: whether a snapshot begins with the page.
   */
  page(view: number, page: Page, begins: boolean): Promise<TakenIn>;

  /** Takes note of the hub's incarnation before anything is sent to it; answers whether the queue is to be read again from its beginning. */
  greet(welcome: Welcome): Promise<boolean>;

  /** Drops what a backup of the hub holds. */
  backedUp(position: number): Promise<void>;

  /** Compares what is confirmed with what the hub said; `undefined` where nothing can be said (§10). */
  compare(view: number, cursor: string, sum: string): Promise<boolean | undefined>;

  /** Says what the records of a view add up to, for a hub that compares (§10); `undefined` where nothing can be said. */
  sum(view: number): Promise<Sum | undefined>;

  /** Says what is held of a view (§11). */
  holdings(view: number): Promise<readonly Stretch[]>;

  /** Forgets the cursors, so that all is read again. */
  beginAnew(): Promise<void>;
}
