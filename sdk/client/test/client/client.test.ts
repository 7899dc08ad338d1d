import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client, Delta, Notice } from "../../src/api.js";
import { memory } from "../../src/storage/memory.js";
import { startHub, type Hub } from "../hub.js";
import { openClient, until, upToDate, valuesOf } from "./device.js";

let hub: Hub;
let clients: Client[] = [];

beforeEach(async () => {
  hub = await startHub();
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await hub.stop();
});

async function device(options: Parameters<typeof openClient>[1] = {}, of: Hub | undefined = hub): Promise<Client> {
  const client = await openClient(of, options);
  clients.push(client);
  return client;
}

describe("a client of a hub that serves", () => {
  it("shows an edit at once, has it on the hub and on another device, and is told what became of it", async () => {
    const [a, b] = [await device(), await device()];
    const edited = a.edit("tasks", "t1", (edit) => edit.set("/title", "Call back").increment("/views").addToSet("/tags", "urgent"));
    expect(a.get("tasks", "t1")).toMatchObject({ value: { title: "Call back", views: 1, tags: ["urgent"] }, pending: true });
    expect(await a.settled(await edited)).toMatchObject({ status: "applied" });
    expect(a.get("tasks", "t1")?.pending).toBe(false);
    await until(() => b.get("tasks", "t1"));
    expect(b.get("tasks", "t1")?.value).toEqual({ title: "Call back", views: 1, tags: ["urgent"] });
    expect(await hub.ask("GET", "/v1/entities/tasks/records/t1")).toMatchObject({ record: { title: "Call back", views: 1, tags: ["urgent"] } });
  });

  it("merges what two devices did offline field by field", async () => {
    const [a, b] = [await device(), await device()];
    await a.settled(await a.edit("tasks", "t1", (edit) => edit.set("/title", "Milk").set("/likes", 0)));
    await until(() => b.get("tasks", "t1"));
    for (const client of [a, b]) client.setOnline(false);
    await until(() => a.status().network === "offline" && b.status().network === "offline");
    await a.edit("tasks", "t1", (edit) => edit.set("/title", "Buy milk").increment("/likes"));
    await b.edit("tasks", "t1", (edit) => edit.set("/done", true).increment("/likes"));
    await b.edit("tasks", "t2", (edit) => edit.set("/title", "Bread"));
    expect(b.get("tasks", "t1")?.value).toEqual({ title: "Milk", likes: 1, done: true });
    for (const client of [a, b]) client.setOnline(true);
    await Promise.all([upToDate(a), upToDate(b)]);
    await until(() => Object.keys(valuesOf(a)).length === 2);
    const merged = { t1: { title: "Buy milk", likes: 2, done: true }, t2: { title: "Bread" } };
    await until(() => (valuesOf(a)["t1"] as { done?: boolean }).done && (valuesOf(b)["t1"] as { title?: string }).title === "Buy milk");
    expect(valuesOf(a)).toEqual(merged);
    expect(valuesOf(b)).toEqual(merged);
  });

  it("keeps everything that two people type into one text", async () => {
    const [a, b] = [await device(), await device()];
    await a.settled(await a.edit("tasks", "t1", (edit) => edit.beginText("/notes", "one two three")));
    await until(() => b.get("tasks", "t1"));
    for (const client of [a, b]) client.setOnline(false);
    await until(() => a.status().network === "offline" && b.status().network === "offline");
    await a.edit("tasks", "t1", (edit) => edit.insertText("/notes", 3, " 1"));
    await a.edit("tasks", "t1", (edit) => edit.changeText("/notes", "One 1 two three"));
    await b.edit("tasks", "t1", (edit) => edit.insertText("/notes", 13, " 😀").deleteText("/notes", 4, 4));
    expect(a.get("tasks", "t1")?.value).toEqual({ notes: "One 1 two three" });
    expect(b.get("tasks", "t1")?.value).toEqual({ notes: "one three 😀" });
    for (const client of [a, b]) client.setOnline(true);
    await Promise.all([upToDate(a), upToDate(b)]);
    await until(() => JSON.stringify(valuesOf(a)) === JSON.stringify(valuesOf(b)));
    expect(valuesOf(a)).toEqual({ t1: { notes: "One 1 three 😀" } });
  });

  it("takes a refused edit back with its reason, and goes on with others", async () => {
    const notices: Notice[] = [];
    const a = await device();
    a.onNotice((notice) => notices.push(notice));
    const bad = await a.edit("tasks", "t1", (edit) => edit.addToSet("/tags", ...Array.from({ length: 10_001 }, (_, at) => at)));
    const good = await a.edit("tasks", "t2", (edit) => edit.set("/title", "b"));
    expect(await a.settled(good)).toMatchObject({ status: "applied" });
    expect(await a.settled(bad)).toMatchObject({ status: "refused" });
    expect(a.get("tasks", "t1")).toBeUndefined();
    expect(a.quarantine()).toHaveLength(1);
    expect(notices.filter(({ kind }) => kind === "refused")).toHaveLength(1);
    await a.discard(a.quarantine()[0]?.operation as number);
    expect(a.status().quarantined).toBe(0);
  });

  it("is what it was when it is opened again, and sends what waited", async () => {
    const storage = memory();
    const name = "phone";
    const a = await openClient(hub, { storage, name });
    await a.settled(await a.edit("tasks", "t1", (edit) => edit.set("/title", "a")));
    a.setOnline(false);
    await a.edit("tasks", "t1", (edit) => edit.set("/title", "b"));
    await a.close();
    const again = await device({ storage, name });
    expect(again.get("tasks", "t1")).toMatchObject({ value: { title: "b" } });
    expect(again.id).toBe(a.id);
    await upToDate(again);
    expect(await hub.ask("GET", "/v1/entities/tasks/records/t1")).toMatchObject({ record: { title: "b" } });
  });

  it("keeps a live query up to date by what has changed", async () => {
    const [a, b] = [await device(), await device()];
    const live = a.live({ entity: "tasks", where: { "/done": false }, sort: ["-/rank"], limit: 2 });
    const deltas: Delta[] = [];
    const end = live.subscribe((delta) => deltas.push(delta));
    for (const rank of [1, 2, 3]) await b.edit("tasks", `t${rank}`, (edit) => edit.set("/rank", rank).set("/done", false));
    await until(() => live.records().some(({ id }) => id === "t3"));
    expect(live.records().map(({ id }) => id)).toEqual(["t3", "t2"]);
    const before = live.records();
    await b.edit("tasks", "t3", (edit) => edit.set("/done", true));
    await until(() => live.records() !== before);
    expect(live.records().map(({ id }) => id)).toEqual(["t2", "t1"]);
    expect(deltas.at(-1)).toMatchObject({ removed: ["t3"], added: [{ id: "t1" }] });
    end();
  });

  it("leaves nothing behind when it logs out", async () => {
    const [storage, name] = [memory(), "shared"];
    const a = await openClient(hub, { storage, name });
    await a.settled(await a.edit("tasks", "t1", (edit) => edit.set("/title", "a")));
    await a.logout();
    const place = await storage(name);
    for (const rows of (await place.load()).values()) expect(rows.size).toBe(0);
    await expect(a.edit("tasks", "t1", (edit) => edit.set("/title", "b"))).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });
});
