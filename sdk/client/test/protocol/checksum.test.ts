import { expect, test } from "vitest";
import { parse } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { recordSum, sumText } from "../../src/protocol/checksum.js";
import { placeOf } from "../../src/protocol/cursor.js";
import { comparePlaces, cut } from "../../src/protocol/holdings.js";
import { detailsOf } from "../../src/protocol/token.js";
import { fixture } from "../fixture.js";

interface SumVector {
  readonly name: string;
  readonly records: readonly (readonly [entity: string, id: string, record: JsonObject, token?: string])[];
  readonly sum: string;
  readonly held: string;
}

const vectors = parse(fixture("protocol/v1/checksums.json")) as unknown as readonly SumVector[];

for (const { name, records, sum, held } of vectors) {
  test(`records add up to what they do at the hub: ${name}`, () => {
    const sumOf = (isHeld: boolean): string =>
      sumText(
        records.reduce(
          (total, [entity, id, record, token]) => total + recordSum(entity, id, record, isHeld && token ? detailsOf(token) : undefined),
          0n,
        ),
      );
    expect([sumOf(false), sumOf(true)]).toEqual([sum, held]);
  });
}

test("records may be taken away from a sum in any order", () => {
  const [one, two] = [recordSum("a", "1", {}), recordSum("a", "2", {})];
  expect(sumText(one + two - one)).toBe(sumText(two));
  expect(sumText(-two + two + one - one - two)).toBe(sumText(2n ** 128n - two));
});

const cursors = parse(fixture("protocol/v1/cursors.json")) as unknown as {
  readonly cursors: readonly { name: string; cursor: string; incarnation: string; position: number; snapshot: boolean }[];
  readonly refused: readonly { name: string; cursor: string }[];
};

for (const { name, cursor, incarnation, position, snapshot } of cursors.cursors) {
  test(`a cursor stands where the hub says: ${name}`, () => {
    expect(placeOf(cursor)).toEqual({ incarnation, position, isWithinSnapshot: snapshot });
  });
}

for (const { name, cursor } of cursors.refused) {
  test(`what is no cursor stands nowhere: ${name}`, () => {
    expect(placeOf(cursor)).toBeUndefined();
  });
}

test("a cursor of several partitions, or beyond the platform's numbers, stands nowhere", () => {
  expect(placeOf(fixture("model/v1/cursor-greatest-partition-and-position.txt").trim())).toBeUndefined();
  expect(placeOf("0123456789abcdef0123456789abcdef:9007199254740993")).toBeUndefined();
  const ofPartition = (partition: number): string => Buffer.from([1, ...Array<number>(16).fill(0), 1, partition, 7, 0, 0, 0, 0]).toString("base64url");
  expect([placeOf(ofPartition(0))?.position, placeOf(ofPartition(1))]).toEqual([7, undefined]);
  expect(placeOf(fixture("model/v1/cursor-nothing-read-yet.txt").trim())?.position).toBe(0);
});

const held = (count: number, idLength: number): readonly { entity: string; id: string; sum: bigint }[] =>
  Array.from({ length: count }, (_, index) => ({ entity: "tasks", id: String(index).padStart(idLength, "0"), sum: 1n }));

test("records are cut into as many stretches as may be told", () => {
  const last = 2_048 * 16;
  const cases = [[0, 0], [1, 1], [16, 1], [17, 2], [last, 2_048], [last + 1, 1_928]] as const;
  for (const [count, expected] of cases) {
    const { stretches, recordsEach } = cut(held(count, 5));
    expect(stretches.length, String(count)).toBe(expected);
    const counts = stretches.map(([, , sum]) => Number.parseInt(sum, 16));
    expect(counts.slice(0, -1).every((of) => of === recordsEach)).toBe(true);
    expect(counts.reduce((total, of) => total + of, 0)).toBe(count);
    if (count > 0) expect(stretches.at(-1)?.[1]).toBe(String(count - 1).padStart(5, "0"));
  }
});

test("long names make longer stretches", () => {
  const { stretches, recordsEach } = cut(held(32_768, 500));
  expect([recordsEach, stretches.length]).toEqual([64, 512]);
});

test("names are in the order of their bytes, which is not that of the platform", () => {
  const places = ["a\u{1f600}", "a\ufb33", "a", "b", "aé", "az"].map((id) => ({ entity: "e", id }));
  const bytes = (id: string): string => Buffer.from(id).toString("hex");
  const expected = [...places].sort((a, b) => (bytes(a.id) < bytes(b.id) ? -1 : 1));
  expect([...places].sort(comparePlaces)).toEqual(expected);
  expect([...places].sort((a, b) => (a.id < b.id ? -1 : 1))).not.toEqual(expected);
});
