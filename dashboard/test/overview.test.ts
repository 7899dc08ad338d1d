import { lookOf, toldOf } from "../src/pages/overview/alerts";
import { linesOf } from "../src/pages/overview/notices";
import { expect, test } from "vitest";
import type { Overview, Sample } from "../src/hub/shapes";
import { joined } from "../src/pages/overview/samples";
import { areWorstThere, worstFirst } from "../src/pages/domains";
import { labelsOf } from "../src/pages/overview/draw";
import { errorsOf } from "../src/pages/overview/errors";

const sample = (n: number, more: Partial<Sample> = {}): Sample => ({ n, at: "2026-11-20T10:00:00.000Z", changes: 0, requests: 0, requestsFailed: 0, operations: 0, operationsRejected: 0, attempts: 0, attemptsFailed: 0, queue: 0, lagMs: null, consistency: null, ...more });
const overview = (...ns: readonly number[]): Overview => ({
  at: "2026-11-20T10:00:00.000Z",
  health: "pass",
  reasons: [],
  now: { position: 0, queue: 0, lagMs: null, endpoints: { all: 0, failing: 0, disabled: 0 }, replicas: { equal: 0, different: 0, unknown: 0 }, consistency: null },
  everySeconds: 5,
  samples: ns.map((n) => sample(n)),
});
const numbers = ({ samples }: Overview): readonly number[] => samples.map(({ n }) => n);

test("what is new is joined to what is here, and what is too old falls out", () => {
  expect(numbers(joined(undefined, overview(1, 2)))).toEqual([1, 2]);
  expect(numbers(joined(overview(1, 2), overview(3)))).toEqual([1, 2, 3]);
  expect(numbers(joined(overview(1, 2), overview()))).toEqual([1, 2]);
  const many = overview(...Array.from({ length: 120 }, (_, at) => at + 1));
  expect(numbers(joined(many, overview(121)))).toEqual(Array.from({ length: 120 }, (_, at) => at + 2));
});

test("a hub that was started again, or is far ahead, is believed alone", () => {
  expect(numbers(joined(overview(7, 8), overview(1, 2)))).toEqual([1, 2]);
  expect(numbers(joined(overview(7, 8), overview(300, 301)))).toEqual([300, 301]);
});

test("where nothing was done there is no share of errors", () => {
  expect(errorsOf(sample(1))).toBeNull();
  expect(errorsOf(sample(1, { requests: 8, attempts: 2, attemptsFailed: 1 }))).toBe(0.1);
});

test("what is noticed again and again is one line with how often, the latest first", () => {
  const notice = (number: number, kind: string, endpoint?: string) => ({ number, kind, at: `2026-11-23T00:00:0${number}Z`, count: 2, ...(endpoint !== undefined && { endpoint }) });
  const lines = linesOf([notice(4, "delivery_dead", "a"), notice(3, "breaker_open", "a"), notice(2, "delivery_dead", "a"), notice(1, "delivery_dead", "b")]);
  expect(lines.map(({ number, kind, endpoint, count }) => [number, kind, endpoint, count])).toEqual([
    [4, "delivery_dead", "a", 4],
    [3, "breaker_open", "a", 2],
    [1, "delivery_dead", "b", 2],
  ]);
});

test("who was told of an alert is said, and that nobody is", () => {
  expect(toldOf({ state: "pending", told: [] })).toContain("not told yet");
  expect(toldOf({ state: "firing", told: [] })).toContain("Nobody is told");
  const told = [
    { receiver: "ops", result: "told" },
    { receiver: "night", result: "waiting" },
    { receiver: "mail", result: "failed" },
    { receiver: "boss", result: "too_mild" },
    { receiver: "new", result: "later" },
  ] as const;
  expect(toldOf({ state: "firing", told })).toBe("ops was told, night is being told, mail could not be told, boss is told of graver ones only, new is told when it is repeated");
});

test("what two ticks of a chart would say alike is said once", () => {
  expect(labelsOf([0, 0.5, 1], (value) => `${Math.round(value)} ms`)).toEqual(["0 ms", "1 ms", ""]);
  expect(labelsOf([0, 5, 10], String)).toEqual(["0", "5", "10"]);
});

test("of domains that come page by page what needs somebody stands first, and it is known whether all of it is here", () => {
  const domain = (name: string, verdict: "healthy" | "stopped" | "degraded") => ({ kind: "endpoint" as const, name, entities: [], verdict, reasons: [] });
  const [a, b, c] = [domain("a", "healthy"), domain("b", "degraded"), domain("c", "stopped")];
  const verdicts = { stopped: 1, degraded: 1, unknown: 7, healthy: 1 };
  expect(worstFirst([a, b, c]).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  expect(areWorstThere(verdicts, [a, b])).toBe(false);
  expect(areWorstThere(verdicts, [a, b, c])).toBe(true);
});

test("that no rule is broken is said only where the server has looked of late", () => {
  const asked = { at: "2026-11-23T10:00:40.000Z", everySeconds: 10 };
  expect(lookOf({ ...asked, lookedAt: null })).toBe("never");
  expect(lookOf({ ...asked, lookedAt: "2026-11-23T10:00:31.000Z" })).toBe("known");
  expect(lookOf({ ...asked, lookedAt: "2026-11-23T10:00:10.000Z" })).toBe("known");
  expect(lookOf({ ...asked, lookedAt: "2026-11-23T10:00:09.999Z" })).toBe("late");
  expect(lookOf(asked)).toBe("known");
});
