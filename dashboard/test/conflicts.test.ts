import { expect, test } from "vitest";
import type { Conflict, PastChange } from "../src/hub/shapes";
import { baseOf } from "../src/pages/conflicts/sides";
import { at, said } from "../src/pages/conflicts/words";

const side = (writer: string, value: string | undefined) => ({ stamp: `1@${writer}`, writer, editedMs: 1, ...(value !== undefined && { value }) });
const conflict: Conflict = { conflict: "c", entity: "contacts", id: "anna", path: "/phone", kind: "values", status: "open", shown: "1@phone", sides: [side("laptop", "L"), side("phone", "P")] };
const change = (position: number, before: Record<string, string> | null, after: Record<string, string> | null): PastChange => ({ position, at: "2026-11-20T10:00:00.000Z", by: "x", kind: "write", before, after });

test("what was there before is what the field held before either side wrote it", () => {
  // Both sides were shown, one after the other; the base is behind both.
  const both = [change(4, { "/city": "a" }, { "/city": "b" }), change(3, { "/phone": "L" }, { "/phone": "P" }), change(2, { "/phone": "B" }, { "/phone": "L" }), change(1, null, { "/phone": "B" })];
  expect(baseOf(conflict, both)).toEqual({ value: "B", isOfHistory: true });
  // Only one was.
  expect(baseOf(conflict, [change(2, { "/phone": "B" }, { "/phone": "P" }), change(1, null, { "/phone": "B" })])).toEqual({ value: "B", isOfHistory: true });
  // The field was not there.
  expect(baseOf(conflict, [change(2, { "/name": "n" }, { "/phone": "P" })])).toEqual({ value: undefined, isOfHistory: true });
});

test("nobody claims to know a base that neither the hub nor the history has", () => {
  expect(baseOf(conflict, undefined)).toBeUndefined();
  expect(baseOf(conflict, [change(9, { "/phone": "P" }, { "/phone": "other" })])).toBeUndefined();
  expect(baseOf({ ...conflict, base: "given" }, undefined)).toEqual({ value: "given", isOfHistory: false });
});

test("a path leads to its value, escapes and all, and never into a prototype", () => {
  const record = { a: { "b/c": [1, { d: 2 }], "~": 3 } };
  expect(at(record, "/a/b~1c/1/d")).toBe(2);
  expect(at(record, "/a/~0")).toBe(3);
  expect(at(record, "/a/constructor")).toBeUndefined();
  expect(at(record, "")).toBe(record);
});

test("a decision is said in words, and a long value of one's own is cut", () => {
  expect(said({ take: "laptop" })).toBe("Take laptop");
  expect(said({ both: " / " })).toBe("Keep both, with “/” between");
  expect(said({ delete: true })).toBe("Delete the record");
  expect(said({ value: "x".repeat(100) })).toBe(`${"x".repeat(40)}…`);
});
