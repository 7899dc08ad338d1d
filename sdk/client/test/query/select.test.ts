import { expect, test } from "vitest";

import type { Query, Shown } from "../../src/api.js";
import { Decimal, type Json } from "../../src/json/value.js";
import { planOf, select, windowOf } from "../../src/query/query.js";

const VALUES: readonly Json[] = [0, 1, 1.5, -3, new Decimal("12345678901234567890"), "a", "b", "\u{1f600}", "\uffee", "", null, true, false, [1], { x: 1 }];

function recordsOf(count: number, choose: (at: number) => number): Shown[] {
  return Array.from({ length: count }, (_, at) => {
    const value = { a: VALUES[choose(at) % VALUES.length] ?? null, b: VALUES[choose(at * 31 + 7) % VALUES.length] ?? null };
    return { entity: "e", id: `${(at * 7919) % count}`, value, pending: false, conflicts: [] };
  });
}

test("what a query finds is the beginning of all that it accepts in order, whatever its limit and offset", () => {
  const records = recordsOf(1_009, (at) => (at * at) ^ (at >> 2));
  const queries: Query[] = [{ entity: "e" }, { entity: "e", sort: ["/a"] }, { entity: "e", sort: ["-/b", "/a"], where: { "/a": { gte: 0 } } }, { entity: "e", sort: ["/b"], where: { "/a": "b" } }];
  for (const query of queries) {
    const plan = planOf(query);
    const all = records.filter((record) => plan.accepts(record)).sort(plan.compare);
    expect(all.length).toBeGreaterThan(10);
    const windows = [[0, 0], [200, 400], [5_000, 0], [10, 5_000], ...Array.from({ length: 60 }, (_, at) => [at, at % 3])];
    for (const [limit = 0, offset = 0] of windows) {
      const found = planOf({ ...query, limit, offset });
      expect(select(found, records), JSON.stringify([query, limit, offset])).toStrictEqual(windowOf(found, all));
    }
  }
});

test("a value is equal to itself and to no other", () => {
  for (const [at, value] of VALUES.entries()) {
    const plan = planOf({ entity: "e", where: { "/a": { in: [value] } } });
    for (const [other, held] of VALUES.entries()) {
      const copy = JSON.parse(JSON.stringify(held)) as Json;
      const record = { entity: "e", id: "1", value: { a: held instanceof Decimal ? held : copy }, pending: false, conflicts: [] };
      expect(plan.accepts(record), `${at} and ${other}`).toBe(at === other);
    }
  }
});
