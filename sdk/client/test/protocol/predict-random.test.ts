import { expect, test } from "vitest";
import { canonical } from "../../src/json/canonical.js";
import type { Json, JsonObject } from "../../src/json/value.js";
import type { Change, Result } from "../../src/protocol/message.js";
import type { Effect, PutMember, Writes } from "../../src/protocol/operation.js";
import { applyChange, correct } from "../../src/protocol/correct.js";
import { predict } from "../../src/protocol/predict.js";
import { oneOf, randomFrom } from "../random.js";
import { predictSlowly } from "./oracle.js";

const PATHS = ["/a", "/a/b", "/a/b/c", "/a-b", "/d", "/e", "/e/0", "/f~1g", "/__proto__", "/d/constructor"];
const VALUES: readonly Json[] = [
  1, 0.25, null, {}, [], [1, "x"], "x", "xyz", "a😀c", 0, [{ id: 1, n: 2 }], [{ id: "1" }, { id: 2, n: {} }], { b: 1 }, { b: { c: [] }, d: {} }, [{ k: "1", id: [] }, { k: "2" }],
];

/** Has everything in a value throw that tries to change it. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

function anyRecord(random: () => number): JsonObject | undefined {
  if (random() < 0.1) return undefined;
  const record = Array.from({ length: random() * 6 }, (): Effect => ({ set: { [oneOf(random, PATHS)]: oneOf(random, VALUES) } }));
  return record.reduce((held: JsonObject, effect) => predictSlowly(held, effect) ?? {}, {});
}

function anyWrites(random: () => number, levels: number): Writes {
  const some = <T>(value: () => T): Record<string, T> | undefined => {
    if (random() < 0.7) return undefined;
    return Object.fromEntries(Array.from({ length: 1 + random() * 2 }, () => [oneOf(random, PATHS), value()]));
  };
  const values = (): Json[] => Array.from({ length: random() * 3 }, () => oneOf(random, VALUES));
  const keys = (): string[] => [...new Set(Array.from({ length: random() * 3 }, () => oneOf(random, ["1", "2", "10", "x"])))];
  const paths = (): string[] | undefined => Object.keys(some(() => 0) ?? {});
  const edit = (): (number | string)[] => [oneOf(random, [1, 2, 3, -1]), "é", oneOf(random, [-1, 1, 2])].slice(0, 1 + random() * 3);
  const member = (): PutMember => ({ ...(random() < 0.3 && { create: true as const }), ...anyWrites(random, levels - 1) });
  // None stands above another in what is set.
  const set = Object.entries(some(() => oneOf(random, VALUES)) ?? {}).slice(0, 1);
  return {
    set: Object.fromEntries(set),
    unset: paths(),
    inc: some(() => oneOf(random, [1, -0.25, 0])),
    reset: paths(),
    add: some(values),
    remove: some(values),
    append: some(values),
    begin: some(() => "xyz"),
    text: some(edit),
    put: levels > 0 ? some(() => Object.fromEntries(keys().map((key) => [key, member()]))) : undefined,
    drop: some(keys),
  };
}

const text = (value: JsonObject | undefined | "unfit"): string => (value === undefined ? "none" : canonical(value));

test("a client predicts what a table of fields by path becomes, and leaves what it is given as it is", () => {
  const random = randomFrom(21);
  let changed = 0;
  for (let round = 0; round < 5_000; round++) {
    const record = frozen(anyRecord(random));
    const effect = frozen<Effect>(random() < 0.02 ? { delete: true } : anyWrites(random, 2));
    const predicted = predict(record, effect);
    expect(text(predicted), JSON.stringify([record, effect])).toBe(text(predictSlowly(record, effect)));
    if (text(predicted) !== text(record)) changed++;
  }
  expect(changed).toBeGreaterThan(1_000);
});

test("what nothing is written into is the same object, and so are its parts", () => {
  const record = frozen<JsonObject>({ a: { b: { c: 1 } }, d: { e: [1] } });
  expect(predict(record, { unset: ["/x", "/a/x"], add: { "/d/e": [1.0] }, text: { "/a/b/c": [1] } })).toBe(record);
  const after = predict(record, { set: { "/a/b/c": 2 } });
  expect(after?.["d"]).toBe(record["d"]);
});

test("corrections and changes leave what they are given as it is", () => {
  const random = randomFrom(22);
  for (let round = 0; round < 5_000; round++) {
    const record = frozen(anyRecord(random));
    const { set, unset, text: edits } = anyWrites(random, 0);
    const told = frozen({ ...(set && { set }), ...(unset && { unset }) });
    const expected = record ? text(predictSlowly(predictSlowly(record, { unset: told.unset ?? [] }), { set: told.set ?? {} })) : '"unfit"';
    expect(text(correct(record, told as Result))).toBe(expected);
    expect(text(applyChange(record, told as Change))).toBe(expected);
    const withTexts = applyChange(record, frozen({ ...told, text: edits ?? {} }) as Change);
    if (withTexts !== "unfit") expect(typeof withTexts).toBe("object");
  }
});

test("a change with a delta does not fit, whatever else it says", () => {
  const delta = { "/a": [0, 5_000, "00", "AA"] as const };
  const change = { entity: "e", id: "i", position: 1, version: "AQ" };
  expect(applyChange({ a: "x" }, { ...change, delta })).toBe("unfit");
  expect(applyChange({ a: "x" }, { ...change, set: { "/b": 1 }, delta })).toBe("unfit");
});

test("a member that would be nested too deeply is not written", () => {
  let deep: Json = [];
  for (let level = 1; level < 60; level++) deep = [deep];
  const put = (path: string): Effect => ({ put: { "/a": { "1": { set: { [path]: deep } } } } });
  expect(predict({}, put("/b"))).toEqual({ a: [{ b: deep }] });
  expect(predict({ a: [] }, put("/b/c/d/e/f/g"))).toEqual({ a: [] });
  const beside: Effect = { put: { "/a": { "1": { set: { "/b/c/d/e/f/g/h": deep } }, "2": { set: { "/b": 1 } } } } };
  expect(predict({}, beside)).toEqual({ a: [{ b: 1 }] });
});
