import { describe, expect, test } from "vitest";
import { createHistogram } from "../../src/telemetry/index.js";
import { randomFrom } from "../random.js";

describe("a histogram", () => {
  test("is at most 9.1 % above the truth and never below", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = randomFrom(seed);
      const histogram = createHistogram();
      const times = Array.from({ length: 1 + Math.floor(random() * 500) }, () => 1 + Math.exp(random() * 16));
      for (const time of times) histogram.note(time);
      times.sort((a, b) => a - b);
      for (const share of [0, 0.01, 0.5, 0.95, 0.99, 1]) {
        const truth = times[Math.max(1, Math.ceil(share * times.length)) - 1] as number;
        const told = histogram.quantile(share);
        expect(told, `seed ${seed}, share ${share}`).toBeGreaterThanOrEqual(truth * (1 - 1e-9));
        expect(told, `seed ${seed}, share ${share}`).toBeLessThanOrEqual(truth * 1.091);
      }
    }
  });

  test("says nothing where nothing was measured", () => {
    expect(createHistogram().timing()).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });

  test("leaves out what a clock that was set back measures", () => {
    const histogram = createHistogram();
    for (const time of [-1, Number.NaN, Infinity, -Infinity]) histogram.note(time);
    expect(histogram.timing().count).toBe(0);
    histogram.note(0);
    histogram.note(1e12);
    expect(histogram.timing()).toMatchObject({ count: 2, max: 1e12 });
  });
});
