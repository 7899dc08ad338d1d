/** Places in SQLite files, by better-sqlite3: for Node and for desktop apps. */

import { BUSY_MS_MAX, fileName, openSql, sqlError, type Sql } from "./sql.js";
import type { OpenStorage } from "./storage.js";

/** Statements kept for the next time: the sizes of batches differ. */
const STATEMENTS_KEPT_MAX = 100;

/** What is needed of a database of better-sqlite3. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

export interface SqliteStatement {
  /** Whether it answers rows, as some settings do. */
  readonly reader: boolean;
  run(...values: string[]): unknown;
  all(...values: string[]): unknown[];
}

/** The class that better-sqlite3 is. */
export type SqliteClass = new (path: string, options?: { readonly timeout?: number }) => SqliteDatabase;

/**
 * Returns places in files of a folder, which must be there: `sqlite(Database, "./data")` with `Database` from better-sqlite3.
 *
 * A second process that opens the same place is refused with `CLIENT_STORE_LOCKED`.
 */
export function sqlite(Database: SqliteClass, folder: string): OpenStorage {
  return async (name) => {
    let database: SqliteDatabase;
    try {
      database = new Database(`${folder}/${fileName(name)}`, { timeout: BUSY_MS_MAX });
    } catch (cause) {
      throw sqlError(cause);
    }
    return openSql(byBetterSqlite(database));
  };
}

function byBetterSqlite(database: SqliteDatabase): Sql {
  /** Statements by their text. There are few: most batches are written in parts of one size. */
  const statements = new Map<string, SqliteStatement>();
  const prepared = (sql: string): SqliteStatement => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    if (statements.size < STATEMENTS_KEPT_MAX) statements.set(sql, statement);
    return statement;
  };
  return {
    async run(sql, values = []) {
      const statement = prepared(sql);
      if (statement.reader) statement.all(...values);
      else statement.run(...values);
    },
    async all(sql, values = []) {
      return prepared(sql).all(...values);
    },
    close: () => database.close(),
  };
}
