/** A sealed place shows nothing, takes no other key, and is a place like every other. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { open as openClient } from "../../src/client.js";
import { browserKey, encrypted, type Keys, type KeySource, passphraseKey, secretKey } from "../../src/encryption/index.js";
import { indexeddb } from "../../src/storage/indexeddb.js";
import { memory } from "../../src/storage/memory.js";
import { sqlite } from "../../src/storage/sqlite.js";
import { type Batch, type OpenStorage, SEAL, type Storage, TABLES } from "../../src/storage/storage.js";
import { contract, held } from "../storage/contract.js";

beforeEach(() => vi.stubGlobal("IDBKeyRange", IDBKeyRange));

const root = mkdtempSync(join(tmpdir(), "syncline-sealed-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Keys that are there, without a browser. */
async function keysInMemory(): Promise<KeySource> {
  const keys: Keys = {
    rows: await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
    names: await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
  };
  return { keys: async () => ({ keys, note: { by: "browser" } }), forget: async () => undefined };
}

contract("sealed memory", async () => ({ open: encrypted(memory(), await keysInMemory()), isKept: true }));
contract("sealed IndexedDB", () => {
  const factory = new IDBFactory();
  return { open: encrypted(indexeddb({ factory }), browserKey({ factory })), isKept: true };
});
contract("sealed SQLite", async () => ({ open: encrypted(sqlite(Database, mkdtempSync(join(root, "contract-"))), await keysInMemory()), isKept: true }));

const SECRETS = ["Mathilde", "owes 4711 to her sister", "note-of-mathilde", "invoice", "syn_token_abcdef"];
const BATCH: Batch = {
  put: [
    ["meta", "token", SECRETS[4] ?? ""],
    ["records", `${SECRETS[3]}/${SECRETS[2]}`, JSON.stringify({ name: SECRETS[0], text: SECRETS[1] })],
    ["queue", "1", JSON.stringify({ entity: SECRETS[3], id: SECRETS[2], set: { "/text": SECRETS[1] } })],
    ["kept", SECRETS[2] ?? "", SECRETS[0] ?? ""],
    ["anchors", SECRETS[2] ?? "", SECRETS[1] ?? ""],
  ],
};

it("values, ids and names that stand in a plain file's bytes stand nowhere in those of a sealed one", async () => {
  const seen = async (kind: string, seal: (open: OpenStorage) => OpenStorage): Promise<string[]> => {
    const folder = mkdtempSync(join(root, `${kind}-`));
    const storage = await seal(sqlite(Database, folder))("notes");
    await storage.commit(BATCH);
    const open = readdirSync(folder).map((file) => readFileSync(join(folder, file)));
    storage.close();
    const bytes = Buffer.concat([...open, ...readdirSync(folder).map((file) => readFileSync(join(folder, file)))]);
    return SECRETS.filter((secret) => ["utf8", "utf16le", "base64"].some((coding) => bytes.includes(Buffer.from(secret).toString(coding as "utf8")) || bytes.includes(Buffer.from(secret, coding as "utf8"))));
  };
  const keys = await keysInMemory();
  expect(await seen("plain", (open) => open)).toEqual(SECRETS);
  expect(await seen("sealed", (open) => encrypted(open, keys))).toEqual([]);
});

it("the same rows are sealed otherwise each time, but for those that are compared", async () => {
  const open = memory();
  const storage = await encrypted(open, await keysInMemory())("notes");
  const plain = await open("notes");
  const look = async (): Promise<Map<string, string[]>> => new Map([...(await plain.load())].map(([table, rows]) => [table, [...rows.values()].sort()]));
  await storage.commit(BATCH);
  const before = await look();
  await storage.commit(BATCH);
  const after = await look();
  for (const table of TABLES) expect(JSON.stringify(after.get(table)) === JSON.stringify(before.get(table)), table).toBe(table === "meta");
});

it("another key, no key and a key for a plain place are refused, and nothing is changed", async () => {
  const open = memory();
  const right = encrypted(open, await keysInMemory());
  const sealed = await right("sealed");
  await sealed.commit(BATCH);
  const plain = await open("plain");
  await plain.commit(BATCH);
  const before = JSON.stringify([await held(await open("sealed")), await held(plain)]);
  await expect(encrypted(open, await keysInMemory())("sealed")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  await expect(encrypted(open, passphraseKey("a guess"))("sealed")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  await expect(right("plain")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  expect(JSON.stringify([await held(await open("sealed")), await held(plain)])).toBe(before);
  // By this row a client without a key knows that it must not write.
  expect((await (await open("sealed")).meta([SEAL]))[0]).toBeDefined();
});

it("a row in another's place, a row of another table, and a changed row are refused", async () => {
  const changes: Readonly<Record<string, (rows: [string, string][]) => Batch["put"]>> = {
    "two rows exchanged": ([[a, one] = ["", ""], [b, two] = ["", ""]]) => [["records", a, two], ["records", b, one]],
    "a row of another table": ([[a, one] = ["", ""]]) => [["queue", a, one]],
    "a row under another name": ([[, one] = ["", ""]]) => [["records", "AAAA", one]],
    "a changed byte": ([[a, one] = ["", ""]]) => [["records", a, `${one.slice(0, 20)}${one[20] === "A" ? "B" : "A"}${one.slice(21)}`]],
    "a row that is cut short": ([[a, one] = ["", ""]]) => [["records", a, one.slice(0, 8)]],
    "no base64": ([[a] = ["", ""]]) => [["records", a, "%"]],
  };
  for (const [name, change] of Object.entries(changes)) {
    const open = memory();
    const storage = await encrypted(open, await keysInMemory())("notes");
    await storage.commit({ put: [["records", "a", "row of a"], ["records", "b", "row of b"]] });
    const plain = await open("notes");
    await plain.commit({ put: change([...((await plain.load()).get("records") ?? [])]) ?? [] });
    await expect(storage.load(), name).rejects.toMatchObject({ code: "CLIENT_STORE_DAMAGED" });
  }
});

it("tabs that make a sealed place at the same time read each other's rows, and one of two that expect the same is written", async () => {
  for (const source of [browserKey({ factory: new IDBFactory() }), passphraseKey("correct horse")]) {
    const open = encrypted(indexeddb({ factory: new IDBFactory() }), source);
    const [a, b] = await Promise.all([open("notes"), open("notes")]);
    const write = (tab: Storage, row: string): Promise<boolean> => tab.commit({ expect: [["rev", undefined]], put: [["meta", "rev", row]] });
    const written = await Promise.all([write(a, "1"), write(b, "2")]);
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(await a.meta(["rev"])).toEqual(await b.meta(["rev"]));
    expect(await b.commit({ expect: [["rev", written[0] ? "1" : "2"]], put: [["meta", "rev", "3"]] })).toBe(true);
    expect(await held(a)).toEqual({ meta: { rev: "3" } });
  }
});

it("a passphrase opens what it sealed, however its letters were typed, and no other does", async () => {
  const open = memory();
  const storage = await encrypted(open, passphraseKey("Größe"))("notes");
  await storage.commit(BATCH);
  const again = await encrypted(open, passphraseKey(async () => "Gro\u0308\u00dfe"))("notes");
  expect(await held(again)).toEqual(await held(storage));
  await expect(encrypted(open, passphraseKey("Grosse"))("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
});

it("a secret of the app's opens what it sealed, no other does, and two places of one secret share nothing", async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const open = memory();
  const storage = await encrypted(open, secretKey(secret))("notes");
  await storage.commit(BATCH);
  expect(await held(await encrypted(open, secretKey(async () => secret))("notes"))).toEqual(await held(storage));
  const other = await encrypted(open, secretKey(secret))("other notes");
  await other.commit(BATCH);
  const rows = async (name: string): Promise<string[]> => [...((await (await open(name)).load()).get("records") ?? [])].flat();
  const others = await rows("other notes");
  expect(others).toHaveLength(2);
  expect((await rows("notes")).some((text) => others.includes(text))).toBe(false);
  const wrong = [crypto.getRandomValues(new Uint8Array(32)), secret.slice(1), new Uint8Array()];
  for (const [at, one] of wrong.entries()) await expect(encrypted(open, secretKey(one))("notes"), `secret ${at}`).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  await expect(encrypted(open, passphraseKey("x"))("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
});

it("a note that asks for hours of work is refused", async () => {
  const open = memory();
  await encrypted(open, passphraseKey("x"))("notes");
  const plain = await open("notes");
  const header = JSON.parse((await plain.meta([SEAL]))[0] ?? "");
  for (const rounds of [0, -1, 0.5, 1e12]) {
    await plain.commit({ put: [["meta", SEAL, JSON.stringify({ ...header, note: { ...header.note, rounds } })]] });
    await expect(encrypted(open, passphraseKey("x"))("notes"), String(rounds)).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  }
  await plain.commit({ put: [["meta", SEAL, JSON.stringify({ ...header, form: 2 })]] });
  await expect(encrypted(open, passphraseKey("x"))("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_TOO_NEW" });
  await plain.commit({ put: [["meta", SEAL, "{"]] });
  await expect(encrypted(open, passphraseKey("x"))("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_DAMAGED" });
});

/** A browser's database that does something else with keys. */
function withKeysStored(as: (value: unknown) => unknown): IDBFactory {
  const factory = new IDBFactory();
  const open = factory.open.bind(factory);
  factory.open = (...of) => {
    const request = open(...of);
    request.addEventListener("success", () => {
      const database = request.result;
      const transaction = database.transaction.bind(database);
      database.transaction = (...asked: Parameters<IDBDatabase["transaction"]>) => {
        const begun = transaction(...asked);
        const objectStore = begun.objectStore.bind(begun);
        begun.objectStore = (name) => {
          const store = objectStore(name);
          const put = store.put.bind(store);
          store.put = (value, key) => put(as(value), key);
          return store;
        };
        return begun;
      };
    });
    return request;
  };
  return factory;
}

it("a browser that cannot keep a key is refused, or takes a passphrase, and writes nothing in plain", async () => {
  const browsers: Readonly<Record<string, IDBFactory | undefined>> = {
    "no database": undefined,
    "refuses keys": withKeysStored(() => {
      throw new DOMException("cannot be cloned", "DataCloneError");
    }),
    "stores an empty object": withKeysStored(() => ({ rows: {}, names: {} })),
    "stores nothing": withKeysStored(() => undefined),
    "stores another key": withKeysStored(() => OTHER),
  };
  const OTHER = (await (await keysInMemory()).keys("", undefined)).keys;
  for (const [name, factory] of Object.entries(browsers)) {
    vi.stubGlobal("indexedDB", undefined);
    const open = memory();
    const facts = factory === undefined ? {} : { factory };
    await expect(encrypted(open, browserKey(facts))("notes"), name).rejects.toMatchObject({ code: "CLIENT_ENCRYPTION_UNAVAILABLE" });
    expect(await held(await open("notes")), name).toEqual({});
    const otherwise = passphraseKey("correct horse");
    const storage = await encrypted(open, browserKey({ ...facts, otherwise }))("notes");
    await storage.commit(BATCH);
    expect(JSON.stringify(await held(await open("notes"))), name).not.toContain(SECRETS[0]);
    expect(await held(await encrypted(open, browserKey({ ...facts, otherwise }))("notes")), name).toEqual(await held(storage));
    await expect(encrypted(open, browserKey(facts))("notes"), name).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
    vi.unstubAllGlobals();
  }
});

it("the browser's key cannot be read, and is gone with the place", async () => {
  const factory = new IDBFactory();
  const open = memory();
  const source = browserKey({ factory });
  const storage = await encrypted(open, source)("notes");
  await storage.commit(BATCH);
  const plain = await open("notes");
  const copy = [...(await plain.load())].flatMap(([table, rows]) => [...rows].map(([key, row]) => [table, key, row] as const));
  const { keys } = await source.keys("notes", { by: "browser" });
  await expect(crypto.subtle.exportKey("raw", keys.rows)).rejects.toThrow();
  await expect(crypto.subtle.exportKey("raw", keys.names)).rejects.toThrow();
  await storage.destroy();
  await (await open("notes")).commit({ put: copy });
  await expect(encrypted(open, source)("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
});

it("a client that is opened without the key of its place writes nothing into it", async () => {
  const storage = memory();
  const sealed = encrypted(storage, await keysInMemory());
  const client = await openClient({ name: "notes", storage: sealed });
  await client.edit("note", "n-1", (edit) => edit.set("/title", SECRETS[0] ?? ""));
  await client.close();
  const before = await held(await storage("notes"));
  expect(JSON.stringify(before)).not.toContain(SECRETS[0]);
  await expect(openClient({ name: "notes", storage })).rejects.toMatchObject({ code: "CLIENT_STORE_KEY" });
  expect(await held(await storage("notes"))).toEqual(before);
  const again = await openClient({ name: "notes", storage: sealed });
  expect(again.get("note", "n-1")?.value).toEqual({ title: SECRETS[0] });
  expect(again.id).toBe(client.id);
  await again.close();
});
