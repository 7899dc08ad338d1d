/** Places in SQLite files, by expo-sqlite: for React Native. */

import { fileName, openSql, sqlError, type Sql } from "./sql.js";
import type { OpenStorage } from "./storage.js";

/** What is needed of a database of expo-sqlite. */
export interface ExpoDatabase {
  execAsync(sql: string): Promise<void>;
  runAsync(sql: string, values: string[]): Promise<unknown>;
  getAllAsync(sql: string, values: string[]): Promise<unknown[]>;
  closeAsync(): Promise<void>;
}

/** What is needed of expo-sqlite. */
export interface ExpoSqlite {
  openDatabaseAsync(name: string, options?: { readonly useNewConnection?: boolean }): Promise<ExpoDatabase>;
}

/**
 * Returns places in the app's own folder: `expo(SQLite)` with `import * as SQLite from "expo-sqlite"`.
 *
 * The transactions of expo-sqlite run on connections of their own, which would neither wait for the disk nor get past the lock of
 * the file. So the client has one connection, shared with nobody, and begins and ends transactions on it.
 */
export function expo(sqlite: ExpoSqlite): OpenStorage {
  return async (name) => {
    let database: ExpoDatabase;
    try {
      database = await sqlite.openDatabaseAsync(fileName(name), { useNewConnection: true });
    } catch (cause) {
      throw sqlError(cause);
    }
    return openSql(byExpo(database));
  };
}

function byExpo(database: ExpoDatabase): Sql {
  return {
    run: (sql, values) => (values === undefined ? database.execAsync(sql) : database.runAsync(sql, [...values])),
    all: (sql, values = []) => database.getAllAsync(sql, [...values]),
    close: () => database.closeAsync(),
  };
}
