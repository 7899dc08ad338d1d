/** The same over the client that an app opens: alone, and with another tab of the device. */

import { expect, test } from "vitest";
import type { Client } from "../../src/api.js";
import { open } from "../../src/client.js";
import { memory } from "../../src/storage/memory.js";
import { bindText } from "../../src/text/index.js";
import { until } from "../client/device.js";
import { oneOf, randomFrom } from "../random.js";
import { FakeField } from "./relay.js";

const PLACE = { entity: "notes", id: "n1", path: "/body" };
const textOf = (client: Client) => client.get("notes", "n1")?.value["body"];

test("a text that is typed into is the client's, from the first character on", async () => {
  const client = await open({ name: "typing", storage: memory() });
  const [a, b] = [new FakeField(), new FakeField()];
  const bindings = [a, b].map((field) => bindText(client, PLACE, field));
  a.type("h😀");
  expect(textOf(client)).toBe("h😀");
  await until(() => b.value === "h😀", "the other field");
  b.select("h");
  b.type("ey ");
  expect(textOf(client)).toBe("hey 😀");
  await until(() => a.value === "hey 😀", "the first field");
  expect(a.marked).toBe("hey 😀|");
  bindings[0]?.undo();
  await until(() => b.value === "ey ", "undoing");
  await client.edit("notes", "n1", (note) => note.changeText("/body", "hey you"));
  await until(() => a.value === "hey you" && b.value === "hey you", "an edit of the app");
  await client.delete("notes", "n1");
  expect([a.value, textOf(client)]).toEqual(["hey you", undefined]);
  for (const binding of bindings) binding.close();
  await client.close();
});

test("people who type into one text in several tabs end with the same text, and nothing is lost or doubled", async () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const random = randomFrom(seed);
    const storage = memory({ isShared: true });
    const name = `tabs-${seed}`;
    const first = await open({ name, storage });
    await first.edit("notes", "n1", (note) => note.beginText("/body", "-"));
    const clients = [first, await open({ name, storage }), await open({ name, storage })];
    const seats = clients.map((client, at) => {
      const field = new FakeField();
      const binding = bindText(client, PLACE, field);
      return { field, binding, letters: ["ab😀", "cd𝄞", "ef字"][at] ?? "" };
    });
    const typed: string[] = [];
    for (let step = 0; step < 60; step += 1) {
      const { field, letters } = oneOf(random, seats);
      const characters = [...field.value];
      const at = characters.slice(0, Math.floor(random() * (characters.length + 1))).join("").length;
      field.setSelectionRange(at, at);
      const letter = oneOf(random, [...letters]);
      typed.push(letter);
      field.type(letter);
      if (random() < 0.3) await new Promise((done) => setTimeout(done, random() < 0.2 ? 20 : 0));
    }
    const isAlike = () => seats.every(({ field }) => [...field.value].length === typed.length + 1) && new Set([...clients.map(textOf), ...seats.map(({ field }) => field.value)]).size === 1;
    await until(isAlike, `seed ${seed}: one text`).catch((error: unknown) => {
      throw new Error(JSON.stringify([...clients.map(textOf), ...seats.map(({ field }) => field.value)]), { cause: error });
    });
    expect([...(seats[0]?.field.value ?? "")].sort()).toEqual(["-", ...typed].sort());
    for (const { binding } of seats) binding.close();
    for (const client of clients) await client.close();
  }
});
