/** Edits whose closure goes on after it has answered, or is larger than what a hub takes. */

import { expect, it } from "vitest";
import type { Edit, Transaction } from "../../src/api.js";
import { open } from "../../src/client.js";
import { memory } from "../../src/storage/memory.js";

it("what is written behind the end of an edit is refused, and not lost without a word", async () => {
  const client = await open({ name: "late", storage: memory() });
  let late: Edit | undefined;
  await client.edit("tasks", "t1", (task) => void (late = task.set("/a", 1)));
  expect(() => late?.set("/b", 2)).toThrow(expect.objectContaining({ code: "CLIENT_EDIT_EMPTY" }));
  expect(() => late?.delete()).toThrow(expect.objectContaining({ code: "CLIENT_EDIT_EMPTY" }));
  let both: Transaction | undefined;
  await client.transaction((transaction) => void (both = transaction.edit("tasks", "t2", (task) => task.set("/a", 1))));
  expect(() => both?.edit("tasks", "t3", (task) => task.set("/a", 1))).toThrow();
  expect(client.query({ entity: "tasks" }).map(({ id, value }) => [id, value])).toEqual([["t1", { a: 1 }], ["t2", { a: 1 }]]);
  await client.close();
});

it("an edit that is too large takes the whole transaction with it, and what comes behind is made", async () => {
  const client = await open({ name: "large", storage: memory() });
  const large = "x".repeat(8 << 20);
  const refused = client.transaction((both) => both.edit("tasks", "t1", (task) => task.set("/a", 1)).edit("tasks", "t2", (task) => task.set("/a", large)));
  await expect(refused).rejects.toMatchObject({ code: "CLIENT_EDIT_TOO_LARGE" });
  expect(client.query({ entity: "tasks" })).toEqual([]);
  const { operations } = await client.edit("tasks", "t3", (task) => task.set("/a", 1));
  expect(operations.length).toBe(1);
  expect(client.status().pending).toBe(1);
  await client.close();
});

it("a path that is none is refused, whatever it is called", async () => {
  const client = await open({ name: "paths", storage: memory() });
  for (const path of ["__proto__", "constructor", "a", ""]) {
    await expect(client.edit("tasks", "t1", (task) => task.set(path, 1)), path).rejects.toMatchObject({ code: expect.stringMatching(/^PATH_/) });
  }
  await client.edit("tasks", "t1", (task) => task.set("/__proto__", 1).set("/constructor", 2));
  expect(Object.keys(client.get("tasks", "t1")?.value ?? {})).toEqual(["__proto__", "constructor"]);
  await client.close();
});
