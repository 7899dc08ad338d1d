/** How long things took: a fixed number of counts, whatever is measured. */

import { BUCKETS, BUCKETS_PER_DOUBLING } from "./limits.js";

/** What is read off a histogram, in milliseconds. */
export interface Timing {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** The longest, exactly. */
  readonly max: number;
}

export interface Histogram {
  note(ms: number): void;
  /** Returns the time within which this share, 0 to 1, was done: the upper edge of its bucket, at most 9.1 % too high. */
  quantile(share: number): number;
  timing(): Timing;
}

/** Returns a histogram with nothing in it. Bucket `n` ends at 2^(n/8) ms. */
export function createHistogram(): Histogram {
  const counts = new Float64Array(BUCKETS);
  let count = 0;
  let max = 0;

  function quantile(share: number): number {
    let left = Math.max(1, Math.ceil(share * count));
    if (count === 0) return 0;
    for (let at = 0; at < BUCKETS; at += 1) {
      left -= counts[at] ?? 0;
      if (left <= 0) return Math.min(2 ** (at / BUCKETS_PER_DOUBLING), max);
    }
    return max;
  }

  return {
    note(ms) {
      // A clock that was set back measures nothing.
      if (!(ms >= 0) || ms === Infinity) return;
      const at = ms <= 1 ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log2(ms) * BUCKETS_PER_DOUBLING));
      counts[at] = (counts[at] ?? 0) + 1;
      count += 1;
      max = Math.max(max, ms);
    },
    quantile,
    timing: () => ({ count, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max }),
  };
}
