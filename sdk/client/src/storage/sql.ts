/**
 * A place in a SQLite file, whatever SQLite is called by.
 *
 * One client at a time uses a file: it holds the lock of the whole file until it is closed or its process ends. A commit waits for
 * the disk, so nothing that was answered is lost with a power loss either.
 */

import { SynclineError } from "../error.js";
import { closedError, failedError, type Batch, type Storage, type Table, TABLES } from "./storage.js";

/** Marks the file as one of this client: `SYNT` in ASCII. */
const APPLICATION_ID = 0x53594e54;
/** The format of the tables. Raise it with every change; older programs then refuse. */
const FORMAT = 1;
/** Rows that one statement writes: SQLite takes 32,766 values, and many rows a statement cost no less. */
const ROWS_WRITTEN_AT_ONCE = 250;
/** How long SQLite waits for a lock, in milliseconds: a process that ends has let go by then. */
export const BUSY_MS_MAX = 1000;

/** What a SQLite does. */
export interface Sql {
  run(sql: string, values?: readonly string[]): Promise<unknown>;
  /** Answers rows with their columns as members. */
  all(sql: string, values?: readonly string[]): Promise<readonly unknown[]>;
  close(): unknown;
}

interface Row {
  readonly key: string;
  readonly row: string;
}

/** What SQLite says, as the code of its error or in the words of it, and what it is to the client. */
const REFUSALS: readonly (readonly [said: RegExp, code: string, message: string, retryable: boolean])[] = [
  [/SQLITE_FULL|disk is full/, "CLIENT_STORE_FULL", "there is no room", true],
  [/SQLITE_BUSY|is locked/, "CLIENT_STORE_LOCKED", "another process has the file open", true],
  [/SQLITE_NOTADB|not a database/, "CLIENT_STORE_FOREIGN", "the file is not that of a client", false],
  [/SQLITE_CORRUPT|malformed/, "CLIENT_STORE_DAMAGED", "the file is damaged", false],
  [/SQLITE_CANTOPEN|SQLITE_READONLY|unable to open|readonly|directory does not exist/, "CLIENT_STORE_FILE", "the file cannot be used", false],
];

/** Says what an error of SQLite is to the client. */
export function sqlError(cause: unknown): SynclineError {
  if (cause instanceof SynclineError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  const refusal = REFUSALS.find(([said]) => said.test(`${code} ${message}`));
  if (refusal === undefined) return failedError(cause);
  return new SynclineError(refusal[1], refusal[2], { retryable: refusal[3], cause });
}

/** Returns the name of the file of a place: no two names that differ in case share one where the system ignores that. */
export function fileName(name: string): string {
  const bytes = [...new TextEncoder().encode(name)];
  const plain = /[a-z0-9_-]/;
  return `syncline-${bytes.map((byte) => (plain.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`)).join("")}.db`;
}

/** Opens the place in a file; an empty file becomes one. */
export async function openSql(sql: Sql): Promise<Storage> {
  try {
    await prepare(sql);
  } catch (cause) {
    await sql.close();
    throw sqlError(cause);
  }
  return place(sql);
}

async function prepare(sql: Sql): Promise<void> {
  await sql.run(`PRAGMA busy_timeout = ${BUSY_MS_MAX}`);
  await sql.run("PRAGMA locking_mode = EXCLUSIVE");
  const number = async (query: string): Promise<number> => Number(Object.values((await sql.all(query))[0] ?? {})[0]);
  // Nothing is written before the file is known to be one's own.
  const [objects, application, format] = [await number("SELECT count(*) FROM sqlite_schema"), await number("PRAGMA application_id"), await number("PRAGMA user_version")];
  const isNew = objects === 0 && application === 0 && format === 0;
  if (!isNew && application !== APPLICATION_ID) throw new SynclineError("CLIENT_STORE_FOREIGN", "the file is not that of a client");
  if (format > FORMAT) throw new SynclineError("CLIENT_STORE_TOO_NEW", "the file was made by a newer program");
  await sql.run("PRAGMA journal_mode = WAL");
  await sql.run("PRAGMA synchronous = FULL");
  await sql.run("PRAGMA secure_delete = FAST");
  // Takes the lock, also of a file that is there already.
  await sql.run("BEGIN EXCLUSIVE");
  if (isNew) {
    // Rows stand apart from their keys: in one tree with them, ten thousand of 1.5 KB took five times as long to write.
    for (const table of TABLES) await sql.run(`CREATE TABLE ${table} (key TEXT PRIMARY KEY, "row" TEXT NOT NULL) STRICT`);
    await sql.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    await sql.run(`PRAGMA user_version = ${FORMAT}`);
  }
  await sql.run("COMMIT");
}

function place(sql: Sql): Storage {
  let isOpen = true;
  let isBusy = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** Does one thing after the other: a transaction is several statements. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (!isOpen) return Promise.reject(closedError());
    isBusy++;
    const done = last.then(work).catch((cause: unknown) => Promise.reject(sqlError(cause)));
    last = done.then(
      () => isBusy--,
      () => isBusy--,
    );
    return done;
  };
  const transaction = async (work: () => Promise<boolean>): Promise<boolean> => {
    await sql.run("BEGIN IMMEDIATE");
    try {
      const isWritten = await work();
      await sql.run(isWritten ? "COMMIT" : "ROLLBACK");
      return isWritten;
    } catch (cause) {
      // After some errors SQLite has done so already.
      await sql.run("ROLLBACK").catch(() => undefined);
      throw cause;
    }
  };
  const meta = async (keys: readonly string[]): Promise<readonly (string | undefined)[]> => {
    const rows: (string | undefined)[] = [];
    for (const key of keys) rows.push(((await sql.all('SELECT key, "row" FROM meta WHERE key = ?', [key]))[0] as Row | undefined)?.row);
    return rows;
  };
  const write = async ({ expect = [], clear = [], remove = [], put = [] }: Batch): Promise<boolean> => {
    const rows = await meta(expect.map(([key]) => key));
    if (expect.some(([, row], at) => row !== rows[at])) return false;
    for (const table of clear) await sql.run(`DELETE FROM ${table}`);
    for (const [table, keys] of byTable(remove)) {
      for (const some of inParts(keys)) await sql.run(`DELETE FROM ${table} WHERE key IN (${some.map(() => "?").join()})`, some.flat());
    }
    for (const [table, puts] of byTable(put)) {
      // Written anew, so that the last row of a key counts.
      for (const some of inParts(puts)) await sql.run(`INSERT OR REPLACE INTO ${table} VALUES ${some.map(() => "(?, ?)").join()}`, some.flat());
    }
    return true;
  };

  return {
    isShared: false,
    durability: "persistent",
    load: () =>
      inTurn(async () => {
        const loaded = new Map<Table, ReadonlyMap<string, string>>();
        for (const table of TABLES) {
          const rows = (await sql.all(`SELECT key, "row" FROM ${table}`)) as readonly Row[];
          loaded.set(table, new Map(rows.map(({ key, row }) => [key, row])));
        }
        return loaded;
      }),
    meta: (keys) => inTurn(() => meta(keys)),
    commit: (batch) => inTurn(() => transaction(() => write(batch))),
    // What is left is an empty file of no program.
    destroy: () => {
      const destroyed = inTurn(async () => {
        await sql.run("BEGIN IMMEDIATE");
        for (const table of TABLES) await sql.run(`DROP TABLE ${table}`);
        await sql.run("PRAGMA application_id = 0");
        await sql.run("PRAGMA user_version = 0");
        await sql.run("COMMIT");
        await sql.run("VACUUM");
        await sql.run("PRAGMA wal_checkpoint(TRUNCATE)");
        await sql.close();
      });
      isOpen = false;
      return destroyed;
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      if (isBusy === 0) void sql.close();
      else void last.then(() => sql.close());
    },
  };
}

function byTable<T extends readonly string[]>(rows: readonly (readonly [Table, ...T])[]): Map<Table, T[]> {
  const tables = new Map<Table, T[]>();
  for (const [table, ...row] of rows) {
    const known = tables.get(table);
    if (known === undefined) tables.set(table, [row]);
    else known.push(row);
  }
  return tables;
}

function* inParts<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += ROWS_WRITTEN_AT_ONCE) yield rows.slice(from, from + ROWS_WRITTEN_AT_ONCE);
}
