/** Live queries, and what an app's own functions do to them. */

import { afterEach, expect, it, vi } from "vitest";
import { open } from "../../src/client.js";
import { memory } from "../../src/storage/memory.js";

let restore = (): void => {};
afterEach(() => restore());

/** Collects what is thrown where nobody can catch it, which is how an app hears of its own mistakes. */
function listenToThrown(): unknown[] {
  const thrown: unknown[] = [];
  const note = (error: unknown) => void thrown.push(error);
  // The runner listens, too, and would take it for a fault of the test.
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", note);
  restore = () => {
    process.off("uncaughtException", note);
    others.forEach((other) => process.on("uncaughtException", other));
  };
  return thrown;
}

it("a filter of the app that throws stops neither the edit that it was asked about nor others, and leaves the record out", async () => {
  const thrown = listenToThrown();
  const storage = memory();
  const client = await open({ name: "where", storage });
  const live = client.live({ entity: "tasks", where: ({ title }) => (title as string).startsWith("a") });
  const all = client.live({ entity: "tasks" });
  const told: string[][] = [];
  live.subscribe(({ records }) => told.push(records.map(({ id }) => id)));
  all.subscribe(() => {});
  const titled = (id: string) => client.edit("tasks", id, (task) => task.set("/title", "a"));
  await Promise.all([titled("t1"), client.edit("tasks", "t2", (task) => task.set("/n", 1)), titled("t3")]);
  expect(told.at(-1)).toEqual(["t1", "t3"]);
  expect(all.records().map(({ id }) => id)).toEqual(["t1", "t2", "t3"]);
  await vi.waitFor(() => expect(thrown.map(String).join()).toContain("TypeError"));
  await client.close();
  const again = await open({ name: "where", storage });
  expect(again.query({ entity: "tasks" }).map(({ id }) => id)).toEqual(["t1", "t2", "t3"]);
  await again.close();
});
