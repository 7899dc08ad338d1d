import { expect, test } from "vitest";
import { parse } from "../../src/json/parse.js";
import { write } from "../../src/json/write.js";
import type { Json, JsonObject } from "../../src/json/value.js";
import type { Change, Result } from "../../src/protocol/message.js";
import type { Effect } from "../../src/protocol/operation.js";
import { applyChange, correct } from "../../src/protocol/correct.js";
import { predict } from "../../src/protocol/predict.js";
import { canonical } from "../../src/json/canonical.js";
import { fixture } from "../fixture.js";

interface Vectors {
  predictions: { name: string; record: JsonObject | null; operation: Effect; predicted: JsonObject | null }[];
  corrections: { name: string; predicted: JsonObject | null; shown: JsonObject | null; result: Result }[];
  changes: { name: string; held: JsonObject | null; change: Change; shown?: JsonObject | null }[];
}

const vectors = parse(fixture("protocol/v1/prediction.json")) as unknown as Vectors;

function text(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : canonical(value);
}

test("there are vectors of every kind", () => {
  expect(vectors.predictions.length).toBeGreaterThanOrEqual(50);
  expect(vectors.corrections.length).toBeGreaterThanOrEqual(9);
  expect(vectors.changes.length).toBeGreaterThanOrEqual(12);
});

for (const { name, record, operation, predicted } of vectors.predictions) {
  test(`a client predicts what the hub does: ${name}`, () => {
    const before = write(record);
    expect(text(predict(record ?? undefined, operation))).toBe(text(predicted ?? undefined));
    expect(write(record)).toBe(before);
  });
}

for (const { name, predicted, shown, result } of vectors.corrections) {
  test(`a correction leads to what the hub shows: ${name}`, () => {
    const before = write(predicted);
    expect(text(correct(predicted ?? undefined, result))).toBe(text(shown ?? undefined));
    expect(write(predicted)).toBe(before);
  });
}

for (const { name, held, change, shown } of vectors.changes) {
  test(`a change leads to what the hub shows: ${name}`, () => {
    const before = write(held);
    const after = applyChange(held ?? undefined, change);
    expect(text(after)).toBe(shown === undefined ? '"unfit"' : text(shown ?? undefined));
    expect(write(held)).toBe(before);
  });
}
