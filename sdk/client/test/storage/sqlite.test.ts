/** Places in SQLite files: files of others, of newer programs and of other processes are refused and left as they are. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { build } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ExpoDatabase, type ExpoSqlite, expo } from "../../src/storage/expo.js";
import { sqlite, type SqliteClass } from "../../src/storage/sqlite.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { contract, held } from "./contract.js";

const root = mkdtempSync(join(tmpdir(), "syncline-sqlite-"));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
function newFolder(): string {
  return mkdtempSync(join(root, `${folders++}-`));
}

/** expo-sqlite's interface over a real SQLite, as far as a client uses it; every answer comes later, as it does there. */
function expoOver(folder: string, of: SqliteClass = Database): ExpoSqlite {
  const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    async openDatabaseAsync(name) {
      await later();
      const database = new of(join(folder, name), { timeout: 0 }) as Database.Database;
      const made: ExpoDatabase = {
        async execAsync(sql) {
          await later();
          database.exec(sql);
        },
        async runAsync(sql, values) {
          await later();
          return database.prepare(sql).run(...values);
        },
        async getAllAsync(sql, values) {
          await later();
          return database.prepare(sql).all(...values);
        },
        async closeAsync() {
          database.close();
        },
      };
      return made;
    },
  };
}

contract("better-sqlite3", () => ({ open: sqlite(Database, newFolder()), isKept: true }));
contract("expo-sqlite", () => ({ open: expo(expoOver(newFolder())), isKept: true }));

const KINDS: readonly (readonly [string, (folder: string, of?: SqliteClass) => OpenStorage])[] = [
  ["better-sqlite3", (folder, of = Database) => sqlite(of, folder)],
  ["expo-sqlite", (folder, of) => expo(expoOver(folder, of))],
];

for (const [kind, openIn] of KINDS) {
  it(`${kind}: files that are not a client's are refused and left as they are`, async () => {
    const cases: readonly (readonly [string, string, (path: string) => void])[] = [
      ["no database", "CLIENT_STORE_FOREIGN", (path) => writeFileSync(path, "a text that is longer than the header of a database, and is none ".repeat(20))],
      ["tables of another program", "CLIENT_STORE_FOREIGN", (path) => new Database(path).exec("CREATE TABLE notes (id)").close()],
      ["another program's mark", "CLIENT_STORE_FOREIGN", (path) => new Database(path).exec("PRAGMA application_id = 7").close()],
      ["a client's, in Rust", "CLIENT_STORE_FOREIGN", (path) => new Database(path).exec("CREATE TABLE meta (key, value); PRAGMA application_id = 0x53594e4b; PRAGMA user_version = 1").close()],
      ["a newer format", "CLIENT_STORE_TOO_NEW", (path) => new Database(path).exec("CREATE TABLE meta (key); PRAGMA application_id = 0x53594e54; PRAGMA user_version = 2").close()],
    ];
    for (const [name, code, make] of cases) {
      const folder = newFolder();
      const path = join(folder, "syncline-notes.db");
      make(path);
      const before = readFileSync(path);
      await expect(openIn(folder)("notes"), name).rejects.toMatchObject({ code, retryable: false });
      expect(readFileSync(path).equals(before), name).toBe(true);
    }
  });

  it(`${kind}: a place that is open is refused to the next, until it is closed`, async () => {
    const open = openIn(newFolder());
    const storage = await open("notes");
    await expect(open("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_LOCKED", retryable: true });
    storage.close();
    const again = await open("notes");
    await expect(open("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_LOCKED" });
    await again.commit({ put: [["meta", "rev", "1"]] });
    again.close();
  });

  it(`${kind}: a full disk says so, and nothing of the batch is written`, async () => {
    const folder = newFolder();
    const storage = await openIn(folder)("notes");
    await storage.commit({ put: [["meta", "rev", "1"]] });
    storage.close();
    const small = class extends Database {
      constructor(path: string, options?: Database.Options) {
        super(path, options);
        this.pragma("max_page_count = 20");
      }
    };
    const full = await openIn(folder, small)("notes");
    const rows = Array.from({ length: 1000 }, (_, at) => ["records", `${at}`, "x".repeat(100)] as const);
    await expect(full.commit({ expect: [["rev", "1"]], put: [["meta", "rev", "2"], ...rows] })).rejects.toMatchObject({ code: "CLIENT_STORE_FULL", retryable: true });
    expect(await held(full)).toEqual({ meta: { rev: "1" } });
    expect(await full.commit({ expect: [["rev", "1"]], put: [["meta", "rev", "2"]] })).toBe(true);
    full.close();
  });

  it(`${kind}: what was destroyed is not in the files any more`, async () => {
    const folder = newFolder();
    const storage = await openIn(folder)("notes");
    await storage.commit({ put: [["records", "a", "a secret of somebody"]] });
    const bytes = (): string => readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1")).join();
    expect(bytes()).toContain("a secret of somebody");
    await storage.destroy();
    expect(bytes()).not.toContain("a secret of somebody");
  });
}

it("names that differ in anything have files that differ in more than case, inside of the folder", async () => {
  const folder = newFolder();
  const names = ["notes", "Notes", "../notes", "a/b", "a%2fb", "ä", "", "con"];
  for (const name of names) {
    const storage = await sqlite(Database, folder)(name);
    await storage.commit({ put: [["meta", "name", name]] });
    storage.close();
  }
  expect(new Set(readdirSync(folder).map((file) => file.toLowerCase())).size).toBe(names.length);
  for (const name of names) expect(await held(await sqlite(Database, folder)(name))).toEqual({ meta: { name } });
});

it("a folder that is not there is refused", async () => {
  await expect(sqlite(Database, join(root, "nowhere"))("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_FILE" });
});

/** A program that commits one number after the other and tells each once it is answered. */
const PROGRAM = `
import { createRequire } from "node:module";
import { sqlite } from "./sqlite.js";
const storage = await sqlite(createRequire(process.argv[3])("better-sqlite3"), process.argv[2])("notes");
for (let at = 0; ; at++) {
  await storage.commit({ ...(at > 0 && { expect: [["rev", String(at - 1)]] }), put: [["meta", "rev", String(at)], ["queue", String(at), "row"], ["records", String(at), "row"]] });
  process.stdout.write(at + "\\n");
}`;

let program: string;
beforeAll(async () => {
  const outDir = newFolder();
  const entry = new URL("../../src/storage/sqlite.ts", import.meta.url).pathname;
  await build({ configFile: false, logLevel: "silent", build: { outDir, emptyOutDir: false, minify: false, lib: { entry, formats: ["es"], fileName: () => "sqlite.js" } } });
  writeFileSync(join(outDir, "package.json"), '{"type":"module"}');
  program = join(outDir, "program.js");
  writeFileSync(program, PROGRAM);
});

/** Starts the program; answers once it has told some numbers. */
async function started(folder: string, until: number): Promise<{ readonly child: ChildProcess; readonly told: () => number }> {
  const child = spawn(process.execPath, [program, folder, createRequire(import.meta.url).resolve("better-sqlite3")], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split("\n").length > until) resolve();
    });
    child.on("exit", () => reject(new Error("the program has ended")));
  });
  return { child, told: () => text.split("\n").length - 2 };
}

it("another process is refused while one has the place open, and finds all that it was told once that is killed", async () => {
  for (const until of [1, 7, 40]) {
    const folder = newFolder();
    const { child, told } = await started(folder, until);
    await expect(sqlite(Database, folder)("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_LOCKED" });
    child.removeAllListeners("exit");
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.kill("SIGKILL");
    await ended;
    const storage = await sqlite(Database, folder)("notes");
    const rev = Number((await storage.meta(["rev"]))[0]);
    expect(rev).toBeGreaterThanOrEqual(told());
    const all = Object.fromEntries(Array.from({ length: rev + 1 }, (_, at) => [at, "row"]));
    expect(await held(storage)).toEqual({ meta: { rev: String(rev) }, queue: all, records: all });
    storage.close();
  }
});
