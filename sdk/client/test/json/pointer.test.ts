import { expect, test } from "vitest";
import { Draft, keysOf, pointerOf, valueAt } from "../../src/json/pointer.js";
import { parse } from "../../src/json/parse.js";

test("a pointer is the keys that lead to a field", () => {
  const cases: readonly (readonly [pointer: string, keys: readonly string[]])[] = [
    ["/a", ["a"]],
    ["/", [""]],
    ["/a//b", ["a", "", "b"]],
    ["/~01/~1/~0~1", ["~1", "/", "~/"]],
    ["/__proto__/0", ["__proto__", "0"]],
  ];
  for (const [pointer, keys] of cases) {
    expect(keysOf(pointer)).toEqual(keys);
    expect(pointerOf(keys)).toBe(pointer);
  }
});

test("what is no path of a field is refused with the code that a hub would give", () => {
  const cases: readonly (readonly [pointer: string, code: string])[] = [
    ["", "PATH_ROOT"],
    ["a", "PATH_NO_LEADING_SLASH"],
    ["/~", "PATH_INVALID_ESCAPE"],
    ["/~2", "PATH_INVALID_ESCAPE"],
    ["/a".repeat(65), "PATH_TOO_MANY_SEGMENTS"],
    [`/${"é".repeat(2_048)}`, "PATH_TOO_LONG"],
  ];
  for (const [pointer, code] of cases) expect(() => keysOf(pointer), pointer).toThrow(expect.objectContaining({ code }));
  expect(keysOf("/a".repeat(64))).toHaveLength(64);
  expect(keysOf(`/${"é".repeat(2_047)}`)).toHaveLength(1);
});

test("what every object has is nothing of a record", () => {
  for (const key of ["constructor", "toString", "__proto__"]) expect(valueAt({ a: {} }, [key])).toBeUndefined();
  expect(valueAt(parse('{"__proto__":{"a":1}}'), ["__proto__", "a"])).toBe(1);
  expect(valueAt([1], ["0"])).toBeUndefined();
});

test("a draft copies an object once, and none that nothing is written into", () => {
  const record = Object.freeze({ a: Object.freeze({ b: 1 }), c: Object.freeze({ d: 2 }) });
  const draft = new Draft(record);
  draft.remove(["x"]);
  expect(draft.value).toBe(record);
  draft.set(["a", "b"], 2);
  const first = draft.value["a"];
  draft.set(["a", "e"], 3);
  expect(draft.value["a"]).toBe(first);
  expect(draft.value["c"]).toBe(record.c);
  expect(draft.value).toEqual({ a: { b: 2, e: 3 }, c: { d: 2 } });
});
