/** A device without room: nothing is shown that is not kept, nothing that waits is lost, and it goes on once there is room. */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client, Notice } from "../../src/api.js";
import { SynclineError } from "../../src/error.js";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { startHub, type Hub } from "../hub.js";
import { openClient, until, upToDate, valuesOf } from "./device.js";

let hub: Hub;
const clients: Client[] = [];

beforeEach(async () => {
  hub = await startHub();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await hub.stop();
});

/** Places with so much room, in characters of keys and rows; one may change it. */
class Small {
  room = Number.POSITIVE_INFINITY;
  /** How often there was none. */
  refused = 0;
  readonly #places = memory();

  readonly open: OpenStorage = async (name) => {
    const storage = await this.#places(name);
    return {
      ...storage,
      commit: async (batch) => {
        const sizes = new Map<string, number>();
        for (const [table, rows] of await storage.load()) for (const [key, row] of rows) sizes.set(table + key, key.length + row.length);
        for (const [table, key] of batch.remove ?? []) sizes.delete(table + key);
        for (const [table, key, row] of batch.put ?? []) sizes.set(table + key, key.length + row.length);
        const needed = [...sizes.values()].reduce((sum, size) => sum + size, 0);
        if (needed > this.room) {
          this.refused++;
          throw new SynclineError("CLIENT_STORE_FULL", "there is no room", { retryable: true });
        }
        return storage.commit(batch);
      },
    };
  };
}

async function device(small: Small, of: Hub | undefined): Promise<Client> {
  const client = await openClient(of, { name: "full", storage: small.open });
  clients.push(client);
  return client;
}

it("an edit that there is no room for is refused and not shown; those before it stay, and later ones go on", async () => {
  const small = new Small();
  const client = await device(small, undefined);
  await client.edit("tasks", "t1", (edit) => edit.set("/title", "kept"));
  small.room = 2_000;
  const edit = client.edit("tasks", "t1", (edit) => edit.set("/title", "x".repeat(3_000)));
  await expect(edit).rejects.toMatchObject({ code: "CLIENT_STORE_FULL", retryable: true });
  expect(valuesOf(client)).toEqual({ t1: { title: "kept" } });
  expect(client.status().pending).toBe(1);
  await client.edit("tasks", "t2", (edit) => edit.set("/title", "small"));
  await client.close();
  const again = await device(small, undefined);
  expect(valuesOf(again)).toEqual({ t1: { title: "kept" }, t2: { title: "small" } });
  expect(again.status().pending).toBe(2);
});

it("what waits is neither lost nor done twice on a full device, and is settled once there is room", async () => {
  const small = new Small();
  const client = await device(small, hub);
  await upToDate(client);
  const notices: Notice[] = [];
  client.onNotice((notice) => notices.push(notice));
  client.setOnline(false);
  await until(() => client.status().network === "offline");
  for (let at = 0; at < 20; at++) await client.edit("tasks", "t1", (edit) => edit.increment("/count"));
  // Results cannot be taken in from now on.
  small.room = 0;
  client.setOnline(true);
  await until(() => notices.some((notice) => notice.kind === "problem" && notice.code === "CLIENT_STORE_FULL"));
  expect(client.status().pending).toBe(20);
  expect(valuesOf(client)).toEqual({ t1: { count: 20 } });
  small.room = Number.POSITIVE_INFINITY;
  await upToDate(client);
  await until(() => client.status().pending === 0);
  expect(valuesOf(client)).toEqual({ t1: { count: 20 } });
  expect(await hub.ask("GET", "/v1/entities/tasks/records/t1")).toMatchObject({ record: { count: 20 } });
});

it("what is told before anybody listens is told to the first who does", async () => {
  const small = new Small();
  const [client, other] = [await device(small, hub), await device(new Small(), hub)];
  await upToDate(client);
  small.room = 0;
  await other.edit("tasks", "t1", (edit) => edit.set("/title", "from elsewhere"));
  await until(() => small.refused > 0);
  // The driver tells it in the same turn or the next one.
  await new Promise((resolve) => setImmediate(resolve));
  small.room = Number.POSITIVE_INFINITY;
  const codes: string[][] = [[], []];
  for (const told of codes) client.onNotice((notice) => told.push(notice.kind === "problem" ? notice.code : notice.kind));
  await until(() => client.get("tasks", "t1"));
  expect(codes[0]).toContain("CLIENT_STORE_FULL");
});
