import { expect, test } from "vitest";
import { checked } from "../../src/json/check.js";
import { parse } from "../../src/json/parse.js";
import { Decimal, type Json } from "../../src/json/value.js";
import { write } from "../../src/json/write.js";

const nested = (levels: number): Json => (levels > 0 ? [nested(levels - 1)] : 1);
const invalid = expect.objectContaining({ code: "CLIENT_VALUE_INVALID" }) as Error;

test("what JSON can say is taken as it is", () => {
  const values: Json[] = [null, true, -1.5, "é😀", new Decimal("1e400"), [], {}, { a: [{ b: null }], ["__proto__"]: 1 }, nested(64), Object.create(null) as Json];
  for (const value of values) expect(write(checked(value))).toBe(write(value));
  expect(write(checked(parse('{"__proto__":{"a":1}}')))).toBe('{"__proto__":{"a":1}}');
});

test("a number that the platform holds is the platform's, however it was handed in", () => {
  expect(checked([new Decimal("1.50"), new Decimal("1e400")])).toEqual([1.5, new Decimal("1e400")]);
});

test("what JSON cannot say is refused, wherever it stands", () => {
  class Point {}
  const holes = [1, 2];
  delete holes[0];
  const values: unknown[] = [
    undefined, NaN, Infinity, "\ud800", 1n, Symbol("a"), () => 1, new Date(0), new Map(), new Point(), new Decimal("abc"), new Decimal("01"), new Decimal(""), new Decimal("1e10000"),
    { "\udc00": 1 }, holes, nested(65), new String("a"),
  ];
  for (const value of values) {
    expect(() => checked(value as Json), String(value as string)).toThrow(invalid);
    expect(() => checked([{ a: value }] as Json)).toThrow(invalid);
  }
});

test("a value may be the less deep the deeper it stands", () => {
  expect(checked(nested(63), "/a")).toBeDefined();
  expect(() => checked(nested(64), "/a")).toThrow(invalid);
  expect(() => checked(nested(62), "/a/b/c")).toThrow(invalid);
});

test("what an app changes afterwards is its own", () => {
  const mine = { a: [1] };
  const taken = checked(mine);
  mine.a.push(2);
  expect(taken).toEqual({ a: [1] });
});
