import { afterEach, expect, test } from "vitest";

import { startHub, type Hub } from "./hub.js";

let hub: Hub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

test("a hub that is killed has its records and its address when it starts again", async () => {
  hub = await startHub();
  await hub.ask("PUT", "/v1/entities/tasks/records/t1", { title: "Call back" });
  await hub.halt("SIGKILL");
  await expect(hub.ask("GET", "/v1/entities/tasks/records/t1")).rejects.toThrow();
  await hub.start();
  const held = await hub.ask("GET", "/v1/entities/tasks/records/t1");
  expect(held).toMatchObject({ record: { title: "Call back" } });
});

test("a token of a client reads and writes and makes no tokens", async () => {
  hub = await startHub();
  const { token } = await hub.issue({ client: "phone" });
  const asked = async (path: string, method: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = method === "POST" ? JSON.stringify({ name: "x", role: "client" }) : null;
    return (await fetch(`${hub?.url}${path}`, { method, headers, body })).status;
  };
  expect([await asked("/v1/pull", "GET"), await asked("/v1/tokens", "POST")]).toEqual([200, 403]);
});
