/** The tab that leads: it goes on after its store has failed, and whoever waits for it is not forgotten. */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client, Options } from "../../src/api.js";
import { SynclineError } from "../../src/error.js";
import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import { startHub, type Hub } from "../hub.js";
import { openClient, until, upToDate } from "./device.js";

let hub: Hub;
let clients: Client[] = [];

beforeEach(async () => {
  hub = await startHub();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await hub.stop();
});

async function tab(storage: OpenStorage, options: Partial<Options> = {}): Promise<Client> {
  const client = await openClient(hub, { name: "leading", storage, ...options });
  clients.push(client);
  return client;
}

/** Places of which the first writes of who begins to lead fail. */
function failing(times: number): { readonly open: OpenStorage; failed(): number } {
  const places = memory({ isShared: true });
  let failed = 0;
  const open: OpenStorage = async (name) => {
    const storage = await places(name);
    return {
      ...storage,
      commit: async (batch) => {
        if (failed < times && batch.put?.some(([table, key]) => table === "meta" && key === "views")) {
          failed += 1;
          throw new SynclineError("CLIENT_STORE_FAILED", "the store could not do it", { retryable: true });
        }
        return storage.commit(batch);
      },
    };
  };
  return { open, failed: () => failed };
}

it("a tab that cannot write as it begins to lead tries again, and is connected in the end", async () => {
  const { open, failed } = failing(2);
  const client = await tab(open);
  const codes: string[] = [];
  client.onNotice((notice) => codes.push(notice.kind === "problem" ? notice.code : notice.kind));
  const edited = await client.edit("tasks", "t1", (edit) => edit.set("/title", "kept"));
  expect(await client.settled(edited)).toMatchObject({ status: "applied" });
  expect(failed()).toBe(2);
  expect(codes).toContain("CLIENT_STORE_FAILED");
});

it("a sync that is under way while the strategy changes is done by the next connection", async () => {
  const client = await tab(memory());
  await upToDate(client);
  client.setOnline(false);
  await until(() => client.status().network === "offline");
  const edited = await client.edit("tasks", "t1", (edit) => edit.set("/title", "a"));
  const synced = client.sync();
  for (const everyMs of [3_600_000, 1_800_000]) {
    client.setStrategy({ kind: "scheduled", everyMs });
    await new Promise((resolve) => setTimeout(resolve));
  }
  client.setOnline(true);
  await synced;
  expect(await client.settled(edited)).toMatchObject({ status: "applied" });
});

it("a sync that another tab asks for before the leading one is connected is done once it is", async () => {
  const { open } = failing(1);
  const leader = await tab(open);
  const other = await tab(open);
  await other.sync();
  expect([leader.status().isLeader, other.status().isLeader]).toEqual([true, false]);
});
