/** The same over a hub that serves, with devices whose network comes and goes. */

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Client } from "../../src/api.js";
import { bindText } from "../../src/text/index.js";
import { openClient, until } from "../client/device.js";
import { startHub, type Hub } from "../hub.js";
import { oneOf, randomFrom } from "../random.js";
import { FakeField } from "./relay.js";

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

const textOf = (client: Client, id: string) => client.get("notes", id)?.value["body"];

test("people who type into one text on several devices end with the same text, and nothing is lost or doubled", async () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const random = randomFrom(seed);
    const id = `n${seed}`;
    const clients = [await openClient(hub), await openClient(hub), await openClient(hub)];
    const first = clients[0] as Client;
    await first.settled(await first.edit("notes", id, (note) => note.beginText("/body", "-")));
    for (const client of clients) await until(() => textOf(client, id) === "-", "the text");
    const seats = clients.map((client, at) => {
      const field = new FakeField();
      return { client, field, binding: bindText(client, { entity: "notes", id, path: "/body" }, field), letters: ["ab😀", "cd𝄞", "ef字"][at] ?? "" };
    });
    const typed: string[] = [];
    for (let step = 0; step < 90; step += 1) {
      const { client, field, letters } = oneOf(random, seats);
      if (random() < 0.1) client.setOnline(random() < 0.5);
      const characters = [...field.value];
      const at = characters.slice(0, Math.floor(random() * (characters.length + 1))).join("").length;
      field.setSelectionRange(at, at);
      const letter = oneOf(random, [...letters]);
      typed.push(letter);
      field.type(letter);
      if (random() < 0.4) await new Promise((done) => setTimeout(done, random() * 30));
    }
    for (const client of clients) client.setOnline(true);
    const all = () => [...clients.map((client) => textOf(client, id)), ...seats.map(({ field }) => field.value)];
    const isAlike = () => new Set(all()).size === 1 && clients.every((client) => client.status().pending === 0);
    await until(isAlike, "one text").catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${JSON.stringify([all(), clients.map((client) => [client.status(), client.quarantine()])])}`, { cause: error });
    });
    expect([...(seats[0]?.field.value ?? "")].sort(), `seed ${seed}`).toEqual(["-", ...typed].sort());
    for (const { binding } of seats) binding.close();
    for (const client of clients) await client.close();
  }
}, 120_000);
