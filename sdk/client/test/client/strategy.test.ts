import { afterAll, beforeAll, expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import { startHub, type Hub } from "../hub.js";
import { openClient, until, upToDate } from "./device.js";

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

it("the strategy that one tab sets is that of the connection, whichever tab holds it", async () => {
  const storage = memory({ isShared: true });
  const { token } = await hub.issue({ role: "client" });
  const shared = { name: "tabs-of-one-strategy", storage, token };
  const [a, b] = [await openClient(hub, shared), await openClient(hub, shared)];
  await upToDate(a);
  const [leader, other] = a.status().isLeader ? [a, b] : [b, a];
  other.setStrategy({ kind: "batch", operations: 100, withinMs: 300_000 });
  // Tabs hear each other a little later.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await upToDate(leader);
  const waiting = await leader.edit("tasks", "t1", (task) => task.set("/title", "later"));
  await expect(leader.settled(waiting, 300)).rejects.toMatchObject({ code: "CLIENT_TIMEOUT" });
  const urgent = await leader.edit("tasks", "t2", (task) => task.set("/title", "now"), { priority: "urgent" });
  expect(await leader.settled(urgent)).toMatchObject({ status: "applied" });
  expect(await leader.settled(waiting)).toMatchObject({ status: "applied" });
  const again = await leader.edit("tasks", "t1", (task) => task.set("/title", "much later"));
  await expect(leader.settled(again, 300)).rejects.toMatchObject({ code: "CLIENT_TIMEOUT" });
  other.setStrategy({ kind: "immediate" });
  expect(await leader.settled(again)).toMatchObject({ status: "applied" });
  await until(() => other.status().pending === 0);
  await Promise.all([a.close(), b.close()]);
});
