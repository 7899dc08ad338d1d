import { expect, test } from "vitest";
import { detailsOf, shortOf, withDetailsOf } from "../../src/protocol/token.js";

test("a short token is made whole with the details of another one of its record", () => {
  const cases: readonly (readonly [token: string, of: string | undefined, whole: string | undefined])[] = [
    ["AQ", undefined, "AQ"],
    ["AA~BB", "CC~DD", "AA~BB"],
    ["~BB", "AA~CC", "AA~BB"],
    ["~BB", "AACC", undefined],
    ["~BB", "~CC", undefined],
    ["~BB", undefined, undefined],
  ];
  for (const [token, of, whole] of cases) expect(withDetailsOf(token, of), token).toBe(whole);
});

test("a token is short without its details, and stays as it is where it has none", () => {
  expect(["AA~BB", "AQ", "~BB"].map(shortOf)).toEqual(["~BB", "AQ", "~BB"]);
  expect(["AA~BB", "AQ", "~BB"].map(detailsOf)).toEqual(["AA", undefined, undefined]);
});
