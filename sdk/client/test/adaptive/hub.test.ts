/** The same over a hub that serves: what waits, what does not, and what is counted. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { adaptive } from "../../src/adaptive/index.js";
import { telemetry } from "../../src/telemetry/index.js";
import { openClient, until, upToDate } from "../client/device.js";
import { startHub, type Hub } from "../hub.js";

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

it("on a slow connection edits wait for each other, urgent ones do not and take the others along, and all go once it is better", async () => {
  const client = await openClient(hub);
  await upToDate(client);
  const connection = { effectiveType: "2g" };
  const adapted = adaptive(client, { defer: { slowMs: 300_000 }, platform: { navigator: { connection } } });
  expect(adapted.decision()).toMatchObject({ quality: "slow", strategy: { kind: "batch" } });
  // The connection is made anew for the strategy, and sends then what waits already.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await upToDate(client);
  const waiting = await client.edit("tasks", "t1", (task) => task.set("/title", "later"));
  await expect(client.settled(waiting, 300)).rejects.toMatchObject({ code: "CLIENT_TIMEOUT" });
  expect(client.get("tasks", "t1")).toMatchObject({ value: { title: "later" }, pending: true });
  const urgent = await client.edit("tasks", "t2", (task) => task.set("/title", "now"), { priority: "urgent" });
  expect(await client.settled(urgent)).toMatchObject({ status: "applied" });
  expect(await client.settled(waiting)).toMatchObject({ status: "applied" });
  const last = await client.edit("tasks", "t1", (task) => task.set("/title", "last"));
  adapted.close();
  expect(await client.settled(last)).toMatchObject({ status: "applied" });
  await client.close();
});

it("what is done through a measured client is counted, and nothing of it is told", async () => {
  const { client, report, close } = telemetry(await openClient(hub));
  await upToDate(client);
  await client.settled(await client.edit("tasks", "secret-id", (task) => task.set("/title", "secret-value")));
  client.setOnline(false);
  await until(() => client.status().network === "offline");
  const offline = await client.edit("tasks", "secret-id", (task) => task.set("/title", "secret-too"));
  expect(report().gauges).toMatchObject({ "sync.pending": 1, "sync.offline.success_rate": 1 });
  client.setOnline(true);
  await client.settled(offline);
  await until(() => report().counts["sync.operations.success"] === 2);
  expect(client.get("tasks", "secret-id")?.value).toEqual({ title: "secret-too" });
  expect(report()).toMatchObject({
    counts: { "sync.operations.started": 2, "sync.operations.failed": 0 },
    timings: { "sync.operations.duration": { count: 1 }, "sync.local.duration": { count: 2 } },
    gauges: { "sync.success_rate": 1 },
  });
  expect(JSON.stringify(report())).not.toContain("secret");
  close();
  await client.close();
});
