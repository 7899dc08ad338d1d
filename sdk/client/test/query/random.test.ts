/** Live queries against the same queries asked anew, over random edits. */

import { expect, it } from "vitest";
import type { Delta, Query, Shown } from "../../src/api.js";
import { open } from "../../src/client.js";
import { Decimal, type Json } from "../../src/json/value.js";
import { memory } from "../../src/storage/memory.js";
import { oneOf, randomFrom } from "../random.js";

const VALUES: Json[] = [null, true, false, 0, -1, 1, 1.5, 2, "", "a", "b", "B", "é", "😀", "\uffee", "10", "9", [1], ["a"], { x: 1 }, new Decimal("12345678901234567890"), new Decimal("12345678901234567891")];

function randomQuery(random: () => number): Query {
  const field = () => oneOf(random, ["/a", "/b", "/c/d"]);
  const value = () => oneOf(random, VALUES.filter((value) => typeof value !== "object" || value === null));
  const where: Query["where"][] = [
    undefined,
    { [field()]: value() },
    { [field()]: { gte: value() } },
    { [field()]: { lt: value(), ne: value() } },
    { [field()]: { in: [value(), value(), value()] } },
    { "/tags": { has: oneOf(random, ["x", "y"]) } },
    (record) => record["a"] !== undefined,
  ];
  const sort = oneOf<readonly string[]>(random, [[], [field()], [`-${field()}`], [`-${field()}`, field()]]);
  const chosen = oneOf(random, where);
  return { entity: "tasks", ...(chosen && { where: chosen }), sort, ...(random() < 0.5 && { limit: 1 + Math.floor(random() * 6) }), ...(random() < 0.3 && { offset: Math.floor(random() * 4) }) };
}

it("live queries are always what the same query answers, and their deltas say how they came to be", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = randomFrom(seed);
    const client = await open({ name: `live-${seed}`, storage: memory() });
    const followed = Array.from({ length: 4 }, () => {
      const query = randomQuery(random);
      const live = client.live(query);
      const own = { query, live, at: live.records(), fault: "" };
      live.subscribe((delta) => {
        own.fault ||= faultOf(own.at, delta);
        own.at = delta.records;
      });
      return own;
    });
    for (let step = 0; step < 60; step += 1) {
      const id = `t${Math.floor(random() * 14)}`;
      const edits: Promise<unknown>[] = [];
      for (let many = random() < 0.1 ? 25 : 1; many > 0; many -= 1) {
        const at = random() < 0.1 ? `t${many}` : id;
        if (random() < 0.1) edits.push(client.delete("tasks", at).catch(() => undefined));
        else
          edits.push(
            client.edit("tasks", at, (task) => {
              task.set(oneOf(random, ["/a", "/b", "/c/d"]), oneOf(random, VALUES));
              if (random() < 0.2) task.addToSet("/tags", oneOf(random, ["x", "y"]));
              if (random() < 0.2) task.unset("/b");
            }),
          );
      }
      if (random() < 0.3) await Promise.all(edits);
      for (const { query, live, at, fault } of followed) {
        const asked = client.query(query).map(idOf);
        expect(live.records().map(idOf), `seed ${seed}, step ${step}`).toEqual(asked);
        expect(at.map(idOf), `seed ${seed}, step ${step}`).toEqual(asked);
        expect(fault, `seed ${seed}, step ${step}`).toBe("");
        expect(live.records(), "the same array").toBe(live.records());
      }
    }
    await client.close();
  }
});

const idOf = ({ id }: Shown) => id;

/** Says what of a delta is not so. */
function faultOf(before: readonly Shown[], { records, added, changed, removed }: Delta): string {
  const [was, is] = [new Map(before.map((record) => [record.id, record])), new Map(records.map((record) => [record.id, record]))];
  if (added.some(({ id }) => was.has(id) || !is.has(id))) return "added what was there, or is not";
  if (removed.some((id) => !was.has(id) || is.has(id))) return "removed what was not there, or is";
  if (changed.some((record) => was.get(record.id) === record || is.get(record.id) !== record)) return "changed what is the same";
  const told = new Set([...added.map(idOf), ...changed.map(idOf)]);
  if (records.some((record) => was.get(record.id) !== record && !told.has(record.id))) return "did not tell of a change";
  return before.some(({ id }) => !is.has(id) && !removed.includes(id)) ? "did not tell of a removal" : "";
}
