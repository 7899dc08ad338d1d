/** Where a client keeps what it must not lose. Every adapter passes the same suite, `test/storage/contract.ts`. */

import { SynclineError } from "../error.js";

/** The tables. Keys and rows are texts that only the store reads. */
export const TABLES = ["meta", "records", "queue", "kept", "anchors"] as const;
export type Table = (typeof TABLES)[number];

/** The row of `meta` that a sealed place has, and no other: without its key it is refused, and never written into in plain. */
export const SEAL = "seal";

/** What is written at once, in the order of its members: all of it or nothing. */
export interface Batch {
  /** Rows of `meta` that must be as they are said to be, `undefined` for none. Otherwise nothing is written. */
  readonly expect?: readonly (readonly [key: string, row: string | undefined])[];
  /** Tables that are emptied first. */
  readonly clear?: readonly Table[];
  readonly remove?: readonly (readonly [table: Table, key: string])[];
  readonly put?: readonly (readonly [table: Table, key: string, row: string])[];
}

/** An open place. */
export interface Storage {
  /** Whether other tabs of this browser see the same place. */
  readonly isShared: boolean;

  /** What becomes of what was committed: `best-effort` places may be emptied by the browser when room is short. */
  readonly durability: "persistent" | "best-effort" | "memory";

  /** Kept once the place was taken away from under its client: another tab destroyed it, or the browser did. */
  readonly gone?: Promise<void>;

  /** Returns every row of every table. */
  load(): Promise<ReadonlyMap<Table, ReadonlyMap<string, string>>>;

  /** Returns the rows of `meta` for these keys, as they are now: cheap. */
  meta(keys: readonly string[]): Promise<readonly (string | undefined)[]>;

  /**
   * Writes a batch; durable once it answers. `false`: something was not as expected, and nothing is written.
   *
   * @throws SynclineError `CLIENT_STORE_FULL` where there is no room, `CLIENT_STORE_FAILED` otherwise; nothing is written then.
   */
  commit(batch: Batch): Promise<boolean>;

  /**
   * Has everything that was committed survive a power loss as well; absent where `commit` does that.
   *
   * Whatever the hub was sent must be on the disk: a client that forgot an operation gave its counter to another one, which
   * the hub would take for the first.
   */
  flush?(): Promise<void>;

  /** Removes the place with everything in it, also for other tabs. */
  destroy(): Promise<void>;

  close(): void;
}

/** Opens the place of a name, and makes it where there is none. */
export type OpenStorage = (name: string) => Promise<Storage>;

/** What comes of a place that could not do what it was asked. */
export function failedError(cause: unknown): SynclineError {
  return new SynclineError("CLIENT_STORE_FAILED", "the store could not do it", { retryable: true, cause });
}

/** What comes of using a place after it was closed. */
export function closedError(): SynclineError {
  return new SynclineError("CLIENT_CLOSED", "the store is closed");
}
