/** What users of other clients suffer from, each by its name, and that it does not happen here. A frozen leader is in `sdk/browsers`. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Client } from "../../src/api.js";
import type { SocketClass } from "../../src/connection/socket.js";
import { memory } from "../../src/storage/memory.js";
import { PROGRAM, startHub, type Hub } from "../hub.js";
import { openClient, until, upToDate, valuesOf } from "./device.js";

let hub: Hub | undefined;
let clients: Client[] = [];
let folders: string[] = [];

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await hub?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  [clients, folders, hub] = [[], [], undefined];
});

async function device(options: Parameters<typeof openClient>[1] = {}): Promise<Client> {
  const client = await openClient(hub, options);
  clients.push(client);
  return client;
}

/** A WebSocket that counts what it receives. */
function counted(): { readonly socket: SocketClass; bytes: number } {
  const count = { bytes: 0 } as { socket: SocketClass; bytes: number };
  count.socket = class extends WebSocket {
    constructor(...facts: ConstructorParameters<typeof WebSocket>) {
      super(...facts);
      this.on("message", (data: Buffer | ArrayBuffer) => (count.bytes += data.byteLength));
    }
  } as unknown as SocketClass;
  return count;
}

it("stuck queue: one bad edit at its head holds up its own record and nothing else", async () => {
  hub = await startHub();
  const client = await device();
  const bad = await client.edit("tasks", "bad", (edit) => edit.addToSet("/tags", ...Array.from({ length: 10_001 }, (_, at) => at)));
  const behind = await client.edit("tasks", "bad", (edit) => edit.set("/title", "behind"));
  for (let at = 0; at < 50; at += 1) await client.edit("tasks", `t${at}`, (edit) => edit.set("/at", at));
  expect(await client.settled(bad)).toMatchObject({ status: "refused" });
  await until(() => client.query({ entity: "tasks" }).filter(({ pending }) => !pending).length >= 50);
  expect(client.status().quarantined).toBe(1);
  // What comes behind it waits until somebody says what is to become of it, or was on its way with it.
  await client.discard(bad.operations[0] as number);
  expect(await client.settled(behind)).toMatchObject({ status: "applied" });
  expect(client.status()).toMatchObject({ quarantined: 0, pending: 0 });
});

it("dead retries: what could not be sent is sent once the hub is back, without anybody asking", async () => {
  hub = await startHub();
  const client = await device();
  await upToDate(client);
  await hub.halt("SIGKILL");
  const edited = await client.edit("tasks", "t1", (edit) => edit.increment("/likes"));
  // It fails more than once.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(client.status().pending).toBe(1);
  await hub.start();
  expect(await client.settled(edited, 40_000)).toMatchObject({ status: "applied" });
  expect(await hub.ask("GET", "/v1/entities/tasks/records/t1")).toMatchObject({ record: { likes: 1 } });
});

it("wiped persistence: a reconnect, a refused token and a new start leave what is kept where it is", async () => {
  hub = await startHub();
  const [storage, name] = [memory(), "kept"];
  const admin = hub.token;
  let token: string | undefined = admin;
  const client = await openClient(hub, { storage, name, token: () => token });
  for (let at = 0; at < 20; at += 1) await client.edit("tasks", `t${at}`, (edit) => edit.set("/at", at));
  await upToDate(client);
  token = "nobody";
  await hub.halt("SIGKILL");
  await hub.start();
  await client.edit("tasks", "t0", (edit) => edit.set("/at", 100));
  expect(Object.keys(valuesOf(client))).toHaveLength(20);
  await client.close();
  const offline = await openClient(undefined, { storage, name });
  expect(Object.keys(valuesOf(offline))).toHaveLength(20);
  expect(offline.get("tasks", "t0")).toMatchObject({ value: { at: 100 }, pending: true });
  await offline.close();
  token = admin;
  const again = await device({ storage, name, token: () => token });
  await upToDate(again);
  expect(await hub.ask("GET", "/v1/entities/tasks/records/t0")).toMatchObject({ record: { at: 100 } });
});

it("full re-download: who comes back is told what has changed and nothing else", async () => {
  hub = await startHub();
  const words = "a record with some words in it so that it weighs something ".repeat(4);
  for (let at = 0; at < 200; at += 1) await hub.ask("PUT", `/v1/entities/tasks/records/t${at}`, { at, words: `${at} ${words}` });
  const [storage, name] = [memory(), "away"];
  const first = counted();
  const client = await openClient(hub, { storage, name, socket: first.socket });
  await upToDate(client);
  await until(() => Object.keys(valuesOf(client)).length === 200);
  await client.close();
  await hub.ask("PUT", "/v1/entities/tasks/records/t7", { at: -7, words });
  await hub.halt("SIGKILL");
  await hub.start();
  const second = counted();
  const again = await device({ storage, name, socket: second.socket });
  await until(() => (valuesOf(again)["t7"] as { at: number }).at === -7);
  await upToDate(again);
  expect(Object.keys(valuesOf(again))).toHaveLength(200);
  expect(second.bytes).toBeLessThan(first.bytes / 5);
});

it("lying checkpoints: what was acknowledged and is in no backup is sent again to the hub that is made of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "syncline-backup-"));
  folders.push(folder);
  hub = await startHub({ args: ["--backup-to", folder, "--backup-every", "30s"] });
  const { state, url } = hub;
  // A hub that is made anew has an admin's token of its own.
  const token = (): string => readFileSync(join(state, "admin.token"), "utf8").trim();
  const client = await device({ token });
  await upToDate(client);
  await until(() => client.status().network === "up-to-date");
  const edited = await client.edit("tasks", "t1", (edit) => edit.increment("/likes").set("/title", "Call back"));
  expect(await client.settled(edited)).toMatchObject({ status: "applied" });
  expect(client.status()).toMatchObject({ pending: 0, kept: 1 });
  await hub.halt("SIGKILL");
  rmSync(state, { recursive: true });
  execFileSync(PROGRAM, ["restore", "--from", join(folder, "default"), "--state", state]);
  await hub.start();
  await until(async () => {
    const answer = await fetch(`${url}/v1/entities/tasks/records/t1`, { headers: { authorization: `Bearer ${token()}` } });
    return answer.ok && ((await answer.json()) as { record: { likes: number } }).record.likes === 1;
  }, "being sent again");
  await upToDate(client);
  expect(client.get("tasks", "t1")).toMatchObject({ value: { likes: 1, title: "Call back" }, pending: false });
});
