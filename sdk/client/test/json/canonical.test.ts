import { expect, test } from "vitest";
import { equals } from "../../src/json/canonical.js";
import { Decimal, type Json } from "../../src/json/value.js";

test("values are equal as numbers are, and whatever the order of their members", () => {
  const cases: readonly (readonly [a: Json | undefined, b: Json | undefined, areEqual: boolean])[] = [
    [undefined, undefined, true],
    [undefined, null, false],
    [null, {}, false],
    [1, new Decimal("1.0"), true],
    [new Decimal("1e400"), new Decimal("10e399"), true],
    [new Decimal("1e400"), Infinity, false],
    [0, -0, true],
    ["1", 1, false],
    [{ a: 1, b: [2] }, { b: [2], a: 1 }, true],
    [[1, 2], [2, 1], false],
    [{ a: 1 }, { a: 1, b: null }, false],
    [{ 0: 1 }, [1], false],
    ["[]", [], false],
    [true, "true", false],
  ];
  for (const [a, b, areEqual] of cases) {
    expect(equals(a, b), `${String(a)} ${String(b)}`).toBe(areEqual);
    expect(equals(b, a), `${String(b)} ${String(a)}`).toBe(areEqual);
  }
});
