/** The contract finds what breaks it. */

import { expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import type { Batch, OpenStorage, Storage } from "../../src/storage/storage.js";
import { contract, RULES } from "./contract.js";

contract("memory", () => ({ open: memory(), isKept: true }));

/** Returns places that do something else than they should. */
function wrong(change: (storage: Storage) => Partial<Storage>): OpenStorage {
  const right = memory();
  return async (name) => {
    const storage = await right(name);
    return { ...storage, ...change(storage) };
  };
}

const WRONG: Readonly<Record<string, (storage: Storage) => Partial<Storage>>> = {
  "commits without a comparison": (storage) => ({ commit: ({ expect: _, ...batch }: Batch) => storage.commit(batch) }),
  "compares after it has written": (storage) => ({
    commit: async ({ expect: expected, ...batch }) => {
      const isExpected = await storage.commit({ ...(expected && { expect: expected }) });
      await storage.commit(batch);
      return isExpected;
    },
  }),
  "compares, and writes a moment later": (storage) => ({
    commit: async ({ expect: expected, ...batch }) => {
      const isExpected = await storage.commit({ ...(expected && { expect: expected }) });
      await new Promise((resolve) => setTimeout(resolve, 0));
      return isExpected && storage.commit(batch);
    },
  }),
  "takes a row that is not there for any row": (storage) => ({
    commit: (batch) => storage.commit({ ...batch, expect: (batch.expect ?? []).filter(([, row]) => row !== undefined) }),
  }),
  "compares the first row only": (storage) => ({ commit: (batch) => storage.commit({ ...batch, expect: (batch.expect ?? []).slice(0, 1) }) }),
  "loses the last put of a batch": (storage) => ({ commit: (batch) => storage.commit({ ...batch, put: (batch.put ?? []).slice(0, -1) }) }),
  "loses what is behind the first thousand": (storage) => ({ commit: (batch) => storage.commit({ ...batch, put: (batch.put ?? []).slice(0, 1000) }) }),
  "keeps the first row of a key": (storage) => ({ commit: (batch) => storage.commit({ ...batch, put: (batch.put ?? []).toReversed() }) }),
  "puts before it clears": (storage) => ({
    commit: async ({ put, ...batch }) => (await storage.commit({ ...batch, ...(put && { put }) })) && storage.commit({ clear: batch.clear ?? [] }),
  }),
  "clears nothing": (storage) => ({ commit: ({ clear: _, ...batch }) => storage.commit(batch) }),
  "removes nothing": (storage) => ({ commit: ({ remove: _, ...batch }) => storage.commit(batch) }),
  "takes keys for the same that differ in case": (storage) => ({
    commit: (batch) => storage.commit({ ...batch, put: (batch.put ?? []).map(([table, key, row]) => [table, key.toLowerCase(), row] as const) }),
  }),
  "ends a key at its first null": (storage) => ({
    commit: (batch) => storage.commit({ ...batch, put: (batch.put ?? []).map(([table, key, row]) => [table, key.split("\u0000")[0] ?? "", row] as const) }),
  }),
  "destroys nothing": (storage) => ({
    destroy: async () => storage.close(),
  }),
  "goes on after its end": () => ({ close: () => undefined }),
  "forgets with a flush": (storage) => ({ flush: async () => void (await storage.commit({ clear: ["queue"] })) }),
};

for (const [fault, change] of Object.entries(WRONG)) {
  it(`the contract finds a place that ${fault}`, async () => {
    const broken: string[] = [];
    for (const [name, rule] of Object.entries(RULES)) {
      await rule({ open: wrong(change), isKept: true }, name).catch(() => broken.push(name));
    }
    expect(broken).not.toEqual([]);
  });
}
