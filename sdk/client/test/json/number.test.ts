import { expect, test } from "vitest";
import { add, canonicalNumber, isNumberText, numberOf } from "../../src/json/number.js";
import { Decimal } from "../../src/json/value.js";
import { oneOf, randomFrom } from "../random.js";

/** Returns a number as a count of units of 10^-400, exactly. */
function units(number: number | Decimal): bigint {
  const [mantissa = "", exponent = "0"] = String(number).toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}

function anyNumber(random: () => number): number | Decimal {
  const digits = (most: number): string => Array.from({ length: 1 + random() * most }, () => Math.floor(random() * 10)).join("");
  const fraction = random() < 0.5 ? `.${digits(30)}` : "";
  const exponent = random() < 0.3 ? oneOf(random, ["e", "E+", "e-"]) + Math.floor(random() * 300) : "";
  return numberOf(`${random() < 0.5 ? "-" : ""}${BigInt(digits(25))}${fraction}${exponent}`) ?? NaN;
}

test("a sum is exact and canonical", () => {
  const random = randomFrom(31);
  for (let round = 0; round < 5_000; round++) {
    const [a, b] = [anyNumber(random), anyNumber(random)];
    const sum = add(a, b);
    expect(sum, `${a} ${b}`).toBeDefined();
    if (sum === undefined) continue;
    expect(units(sum) === units(a) + units(b), `${a} + ${b} = ${sum}`).toBe(true);
    expect(canonicalNumber(sum)).toBe(String(sum));
  }
});

test("a number is the platform's exactly where that writes the same digits", () => {
  const random = randomFrom(32);
  let decimals = 0;
  for (let round = 0; round < 5_000; round++) {
    const number = anyNumber(random);
    const canonical = canonicalNumber(number);
    expect(canonicalNumber(new Decimal(canonical))).toBe(canonical);
    expect(units(new Decimal(canonical)) === units(number)).toBe(true);
    expect(number instanceof Decimal, canonical).toBe(String(Number(canonical)) !== canonical);
    if (number instanceof Decimal) decimals++;
  }
  expect(decimals).toBeGreaterThan(1_000);
});

test("what is beyond the bounds is no number and no sum", () => {
  const nines = "9".repeat(1_000);
  for (const text of ["1e10000", "-1e-10000", `${nines}9`, "0".repeat(1_101), `1e${"9".repeat(40)}`]) expect(isNumberText(text), text).toBe(false);
  for (const text of ["1e9999", "1e-9999", nines, "0e99999", "-0"]) expect(isNumberText(text), text).toBe(true);
  for (const text of ["", "-", "01", "1.", ".1", "+1", "1e", "NaN", "Infinity", "0x1", " 1", "1 ", "1\n"]) expect(isNumberText(text), text).toBe(false);
  const sums = [[nines, "1", true], [nines, "2e-1", false], ["1e9999", "9e9999", false], ["1e9999", "1", false], ["0", "1e9999", true], ["1e9999", "-1e9999", true]] as const;
  for (const [a, b, isWithin] of sums) expect(add(new Decimal(a), new Decimal(b)) !== undefined, `${a} ${b}`).toBe(isWithin);
  expect(add(new Decimal("1e9999"), new Decimal("-1e9999"))).toBe(0);
  const exact = [add(2 ** 53 - 1, 1), add(2 ** 53 - 1, 2), add(0.1, 0.2), add(-0.5, 0.5)];
  expect(exact.map(String)).toEqual(["9007199254740992", "9007199254740993", "0.3", "0"]);
});
