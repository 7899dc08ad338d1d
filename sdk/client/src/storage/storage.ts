/** Where a client keeps what it must not lose. Every adapter passes the same suite, `test/storage/contract.ts`. */

/** The tables. Keys and rows are texts that only the store reads. */
export const TABLES = ["meta", "records", "queue", "kept", "anchors"] as const;
export type Table = (typeof TABLES)[number];

/** What is written at once: all of it or nothing. */
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

  /** Removes the place with everything in it, also for other tabs. */
  destroy(): Promise<void>;

  close(): void;
}

/** Opens the place of a name, and makes it where there is none. */
export type OpenStorage = (name: string) => Promise<Storage>;
