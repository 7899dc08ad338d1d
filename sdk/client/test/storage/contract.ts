/** What every place keeps to, whatever it is made of. */

import { describe, expect, it } from "vitest";
import { SynclineError } from "../../src/error.js";
import { type OpenStorage, type Storage, type Table, TABLES } from "../../src/storage/storage.js";

/** Opens places of one kind; places of one name are the same, those of another test are not. */
export interface Kind {
  readonly open: OpenStorage;
  /** Whether what was closed is there again, once opened. */
  readonly isKept: boolean;
}

type Held = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Returns what a place holds, without the tables that are empty. */
export async function held(storage: Storage): Promise<Held> {
  const loaded = await storage.load();
  const tables = [...loaded].filter(([, rows]) => rows.size > 0);
  return Object.fromEntries(tables.map(([table, rows]) => [table, Object.fromEntries(rows)]));
}

/** One thing that a place must do. It throws where the place does not. */
type Rule = (kind: Kind, name: string) => Promise<void>;

async function code(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof SynclineError ? error.code : `no error of ours: ${String(error)}`;
}

/** Keys that trip over case, order, normal forms, the end of texts, and names of JavaScript's own. */
const ODD_KEYS = ["", " ", "a", "A", "ä", "a\u0308", "Ä", "\u0000", "a\u0000b", "'", "\"", "\\", "%_", "日本", "👩‍👩‍👧", "\uFFFF", "\u{10FFFF}", "__proto__", "constructor", "x".repeat(2000)];

export const RULES: Readonly<Record<string, Rule>> = {
  async "a new place is empty, with every table"({ open }, name) {
    const storage = await open(name);
    expect([...(await storage.load()).keys()]).toEqual([...TABLES]);
    expect(await held(storage)).toEqual({});
    expect(await storage.meta(["a", "b"])).toEqual([undefined, undefined]);
    storage.close();
  },

  async "what is put is there, in its own table only"({ open }, name) {
    const storage = await open(name);
    const put = TABLES.map((table, at): [Table, string, string] => [table, "key", `row ${at}`]);
    expect(await storage.commit({ put })).toBe(true);
    expect(await held(storage)).toEqual(Object.fromEntries(TABLES.map((table, at) => [table, { key: `row ${at}` }])));
    storage.close();
  },

  async "a batch clears, then removes, then puts, and the last row of a key counts"({ open }, name) {
    const storage = await open(name);
    await storage.commit({ put: [["records", "a", "1"], ["records", "b", "1"], ["queue", "a", "1"], ["queue", "b", "1"], ["kept", "a", "1"]] });
    const isWritten = await storage.commit({
      put: [["records", "c", "2"], ["records", "c", "3"], ["queue", "a", "2"]],
      remove: [["queue", "a"], ["queue", "b"], ["queue", "never there"]],
      clear: ["records", "anchors"],
    });
    expect(isWritten).toBe(true);
    expect(await held(storage)).toEqual({ records: { c: "3" }, queue: { a: "2" }, kept: { a: "1" } });
    storage.close();
  },

  async "what is as expected is written, and what is not leaves everything as it was"({ open }, name) {
    const storage = await open(name);
    expect(await storage.commit({ expect: [["rev", undefined]], put: [["meta", "rev", "1"]] })).toBe(true);
    const batch = { clear: ["meta"], remove: [["meta", "rev"]], put: [["meta", "rev", "9"], ["queue", "a", "9"]] } as const;
    expect(await storage.commit({ ...batch, expect: [["rev", undefined]] })).toBe(false);
    expect(await storage.commit({ ...batch, expect: [["rev", "2"]] })).toBe(false);
    expect(await storage.commit({ ...batch, expect: [["rev", "1"], ["term", "1"]] })).toBe(false);
    expect(await storage.commit({ ...batch, expect: [["term", "1"], ["rev", "1"]] })).toBe(false);
    expect(await held(storage)).toEqual({ meta: { rev: "1" } });
    expect(await storage.commit({ ...batch, expect: [["rev", "1"], ["term", undefined]] })).toBe(true);
    expect(await storage.meta(["term", "rev"])).toEqual([undefined, "9"]);
    storage.close();
  },

  async "of commits that expect the same row one is written"({ open }, name) {
    const storage = await open(name);
    await storage.commit({ put: [["meta", "rev", "0"]] });
    const commits = Array.from({ length: 20 }, (_, at) => storage.commit({ expect: [["rev", "0"]], put: [["meta", "rev", `by ${at}`], ["queue", `${at}`, ""]] }));
    const written = (await Promise.all(commits)).flatMap((isWritten, at) => (isWritten ? [at] : []));
    expect(written).toHaveLength(1);
    expect(await held(storage)).toEqual({ meta: { rev: `by ${written[0]}` }, queue: { [`${written[0]}`]: "" } });
    storage.close();
  },

  async "commits are written in the order in which they were called"({ open }, name) {
    const storage = await open(name);
    const commits = Array.from({ length: 50 }, (_, at) => storage.commit({ ...(at > 0 && { expect: [["rev", `${at - 1}`]] as const }), put: [["meta", "rev", `${at}`]] }));
    expect(await Promise.all(commits)).toEqual(commits.map(() => true));
    expect(await storage.meta(["rev"])).toEqual(["49"]);
    storage.close();
  },

  async "ten thousand rows are one batch, and are read in whole"({ open }, name) {
    const storage = await open(name);
    const rows = Array.from({ length: 10_000 }, (_, at) => [`key ${at}`, `row ${at} ${"x".repeat(at % 100)}`] as const);
    expect(await storage.commit({ put: rows.map(([key, row]) => ["records", key, row]) })).toBe(true);
    expect(new Map((await storage.load()).get("records"))).toEqual(new Map(rows));
    expect(await storage.commit({ remove: rows.slice(1).map(([key]) => ["records", key]) })).toBe(true);
    expect(await held(storage)).toEqual({ records: { "key 0": "row 0 " } });
    storage.close();
  },

  async "keys and rows of any characters stay apart and come back as they were"({ open }, name) {
    const storage = await open(name);
    await storage.commit({ put: ODD_KEYS.flatMap((key) => [["records", key, `row of ${key}`], ["meta", key, `fact of ${key}`]] as const) });
    const loaded = await storage.load();
    expect(new Map(loaded.get("records"))).toEqual(new Map(ODD_KEYS.map((key) => [key, `row of ${key}`])));
    expect(await storage.meta(ODD_KEYS)).toEqual(ODD_KEYS.map((key) => `fact of ${key}`));
    for (const key of ODD_KEYS) {
      expect(await storage.commit({ expect: [[key, `fact of ${key}`]], remove: [["meta", key]] })).toBe(true);
    }
    expect((await storage.load()).get("meta")?.size).toBe(0);
    storage.close();
  },

  async "what was loaded does not change with what is committed later"({ open }, name) {
    const storage = await open(name);
    await storage.commit({ put: [["records", "a", "1"]] });
    const before = await storage.load();
    await storage.commit({ put: [["records", "a", "2"], ["records", "b", "2"]] });
    expect([...(before.get("records") ?? [])]).toEqual([["a", "1"]]);
    storage.close();
  },

  async "what was committed is there after a reopening, and nothing of another name"({ open, isKept }, name) {
    const storage = await open(name);
    await storage.commit({ put: [["meta", "rev", "1"], ["queue", "a", "row"]] });
    storage.close();
    const again = await open(name);
    expect(await held(again)).toEqual(isKept ? { meta: { rev: "1" }, queue: { a: "row" } } : {});
    const other = await open(`${name} of another`);
    expect(await held(other)).toEqual({});
    other.close();
    again.close();
  },

  async "a place that is destroyed is empty when it is opened again"({ open }, name) {
    const storage = await open(name);
    const other = await open(`${name} of another`);
    await storage.commit({ put: TABLES.map((table) => [table, "a", "row"]) });
    await other.commit({ put: [["meta", "rev", "1"]] });
    await storage.destroy();
    expect(await code(storage.commit({ put: [["meta", "rev", "2"]] }))).toBe("CLIENT_CLOSED");
    const again = await open(name);
    expect(await held(again)).toEqual({});
    expect(await held(other)).toEqual({ meta: { rev: "1" } });
    again.close();
    other.close();
  },

  async "a place that was closed refuses everything"({ open }, name) {
    const storage = await open(name);
    storage.close();
    storage.close();
    expect(await code(storage.load())).toBe("CLIENT_CLOSED");
    expect(await code(storage.meta(["a"]))).toBe("CLIENT_CLOSED");
    expect(await code(storage.commit({ put: [["meta", "a", "b"]] }))).toBe("CLIENT_CLOSED");
  },

  async "a flush leaves what is committed as it is"({ open }, name) {
    const storage = await open(name);
    await storage.commit({ put: [["queue", "a", "row"]] });
    await storage.flush?.();
    expect(await held(storage)).toEqual({ queue: { a: "row" } });
    storage.close();
  },
};

/** Runs every rule on places of one kind. */
export function contract(of: string, kind: () => Promise<Kind> | Kind): void {
  describe(`the contract of places: ${of}`, () => {
    for (const [name, rule] of Object.entries(RULES)) {
      it(name, async () => rule(await kind(), `place of ${name}`));
    }
  });
}
