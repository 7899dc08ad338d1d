import { expect, test } from "vitest";
import { SynclineError } from "../../src/error.js";
import { canonical } from "../../src/json/canonical.js";
import { parse, parseStrictly } from "../../src/json/parse.js";
import { Decimal, type Json } from "../../src/json/value.js";
import { write } from "../../src/json/write.js";
import { fixture, fixtureBytes, fixtureNames } from "../fixture.js";
import { oneOf, randomFrom } from "../random.js";

const cases = JSON.parse(fixture("json/canonical.json")) as { name: string; input: string; canonical: string }[];

for (const { name, input, canonical: expected } of cases) {
  test(`the canonical text is that of every implementation: ${name}`, () => {
    for (const value of [parse(input), parseStrictly(input)]) {
      expect(canonical(value)).toBe(expected);
      expect(canonical(parse(write(value)))).toBe(expected);
    }
  });
}

for (const name of fixtureNames("json/refused")) {
  test(`no reader accepts ${name}`, () => {
    expect(() => parseStrictly(decoded(fixtureBytes(`json/refused/${name}`)), 64)).toThrow(SynclineError);
  });
}

/** Returns a text; messages that are not UTF-8 are refused before they come to the reader. */
function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SynclineError("MESSAGE_MALFORMED", "not UTF-8");
  }
}

test("a number is the platform's where that holds it exactly", () => {
  const texts = ["0", "1.10", "1e3", "9007199254740991", "0.1", "123456789012345", "-1.5e-7", "1e308", "5e-324", "1700000000000000"];
  for (const text of texts) {
    for (const value of [parse(text), (parse(`[${text}]`) as Json[])[0], parseStrictly(text)]) expect(value, text).toBe(Number(text));
  }
  expect([write(parse("-0")), write(parseStrictly("-0"))]).toEqual(["0", "0"]);
});

test("a number keeps its digits where the platform would lose some", () => {
  const texts = [
    "9007199254740993",
    "12345678901234567890",
    "0.1000000000000000055",
    "1e400",
    "-1e-400",
    "1E+0309",
    "123456789012345.678901",
    "99999999999999999",
  ];
  for (const text of texts) {
    for (const around of [text, `[${text}]`, `{"a":${text}}`, `[1, ${text} ]`, `[\n${text}]`]) {
      const value = parse(around);
      expect(write(value), around).toBe(around.replaceAll(/\s/g, ""));
      expect(value instanceof Decimal ? value : Object.values(value as object).at(-1), around).toBeInstanceOf(Decimal);
    }
  }
});

test("what looks like a long number in a text is a text", () => {
  const value = { a: ":12345678901234567890", b: [",1e400", "\\", '"', "é😀\u0001"], "[1e999": true };
  expect(parse(JSON.stringify(value))).toEqual(value);
  expect(parseStrictly(JSON.stringify(value))).toEqual(value);
});

test("a member may be named like what every object has", () => {
  for (const text of ['{"__proto__":1e400,"constructor":{"__proto__":null}}', '{"__proto__":[1]}']) {
    expect(write(parse(text))).toBe(text);
    expect(write(parseStrictly(text))).toBe(text);
  }
});

test("lone surrogates are refused, whole ones are not", () => {
  expect(parse('"\\ud83d\\ude00"')).toBe("😀");
  for (const text of ['"\\ud83d"', '{"\\udc00":1}', '["a\\ude00\\ud83d"]']) expect(() => parse(text)).toThrow(SynclineError);
});

test("what is refused is not told", () => {
  for (const text of ["secret", '{"secret":1e999,"secret":1}', '["secret', '{"a":12345678901234567890 "secret"}']) {
    let told = "";
    try {
      parse(text);
    } catch (error) {
      expect(error).toBeInstanceOf(SynclineError);
      told = `${String(error)}${String((error as Error).cause)}`;
    }
    expect(told).toContain("bounds");
    expect(told).not.toContain("secret");
  }
});

test("what the platform writes of a number with many digits is the nearest of its own", () => {
  expect(JSON.stringify({ a: new Decimal("12345678901234567890") })).toBe('{"a":12345678901234567000}');
  expect(write({ a: new Decimal("12345678901234567890"), b: undefined })).toBe('{"a":12345678901234567890}');
});

/** Returns any JSON text, spelt as it is written. */
function anyJson(random: () => number, levels: number): string {
  const texts = ['"0"', '"a"', '"__proto__"', '"\\n\\"é😀"', '""', '"12345678901234567890"', '"\\\\"', '"\u2028"'];
  const numbers = ["0", "-1", "12345678901234567890", "1.5", "1e-400", "0.30000000000000004", "123456789.123456789", "1e+21"];
  const inner = (): string => anyJson(random, levels - 1);
  const kinds = [
    () => oneOf(random, ["true", "false", "null", "{}", "[]"]),
    () => oneOf(random, texts),
    () => oneOf(random, numbers),
    () => `[${Array.from({ length: random() * 4 }, inner).join()}]`,
    // A name that looks like an index comes first in an object of the platform.
    () => `{${texts.filter(() => random() < 0.4).map((name) => `${name}:${inner()}`).join()}}`,
  ];
  return oneOf(random, levels > 0 ? kinds : kinds.slice(0, 3))();
}

test("what was read is written as it was, by both ways to read", () => {
  const random = randomFrom(7);
  for (let round = 0; round < 5_000; round++) {
    const text = anyJson(random, 4);
    expect(write(parse(text))).toBe(text);
    expect(write(parseStrictly(text))).toBe(text);
  }
});

test("a text with a character more, less or other is read as the platform does, or refused", () => {
  const random = randomFrom(8);
  const strange = [..."{}[]\",:\\0-1e.+ \n\u0000tn", ""];
  let refused = 0;
  for (let round = 0; round < 5_000; round++) {
    const text = anyJson(random, 4);
    const at = Math.floor(random() * text.length);
    const other = text.slice(0, at) + oneOf(random, strange) + text.slice(at + Math.floor(random() * 2));
    try {
      expect(JSON.stringify(parseStrictly(other))).toBe(JSON.stringify(JSON.parse(other)));
    } catch (error) {
      if (!(error instanceof SynclineError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1_000);
});
