import { afterAll, beforeAll, expect, it } from "vitest";
import type { Client } from "../../src/api.js";
import { startHub, type Hub } from "../hub.js";
import { openClient, until } from "./device.js";

let hub: Hub;
let client: Client;
beforeAll(async () => {
  hub = await startHub();
  client = await openClient(hub);
});
afterAll(async () => {
  await client.close();
  await hub.stop();
});

const HALF = "\ud83d";
const names: [string, string][] = [
  ["half a character", `t${HALF}`],
  ["the other half", "\ude00t"],
  ["more bytes than a hub takes", "é".repeat(257)],
  ["what controls", "t\u0085"],
  ["a NUL", "t\0"],
  ["nothing", ""],
];

it.each(names)("a record whose id has %s is refused before anything is queued", async (_, id) => {
  await expect(client.edit("tasks", id, (task) => task.set("/title", "x"))).rejects.toMatchObject({ code: "ID_INVALID" });
  expect(client.status().pending).toBe(0);
});

it("a type of record with a name that is too long is refused before anything is queued", async () => {
  await expect(client.edit("t".repeat(129), "t1", (task) => task.set("/title", "x"))).rejects.toMatchObject({ code: "ID_INVALID" });
});

it("a path or a key with half a character is refused before anything is queued", async () => {
  await expect(client.edit("tasks", "t1", (task) => task.set(`/${HALF}`, "x"))).rejects.toThrow();
  await expect(client.edit("tasks", "t1", (task) => task.unset(`/${HALF}`))).rejects.toThrow();
  await expect(client.edit("tasks", "t1", (task) => task.increment(`/a/${HALF}`))).rejects.toThrow();
  await expect(client.edit("tasks", "t1", (task) => task.member("/lines", HALF, (line) => line.set("/count", 1)))).rejects.toThrow();
  await expect(client.edit("tasks", "t1", (task) => task.member("/lines", "k", (line) => line.set(`/${HALF}`, 1)))).rejects.toThrow();
  await expect(client.edit("tasks", "t1", (task) => task.removeMember("/lines", HALF))).rejects.toThrow();
  expect(client.status().pending).toBe(0);
});

it("an operation that no message can hold stops nothing that is behind it", async () => {
  await client.edit("tasks", "large", (task) => task.set("/body", "x".repeat(9 << 20))).catch(() => undefined);
  const edited = await client.edit("tasks", "small", (task) => task.set("/title", "x"));
  expect(await client.settled(edited, 10_000)).toMatchObject({ status: "applied" });
  await until(() => client.status().pending === 0, "nothing waiting");
});
