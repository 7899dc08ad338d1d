// What every contender stores: some 200 bytes, the same as in `cargo xtask bench hub`.
const AT = Date.UTC(2026, 10, 20, 10);

export const idOf = (i) => `task-${String(i).padStart(6, '0')}`;

export const documentOf = (i) => ({
  title: `Call customer ${i}`,
  state: i % 3 ? 'open' : 'done',
  owner: `user-${i % 97}`,
  priority: i % 5,
  note: 'x'.repeat(60),
  // Times of documents that follow one another do not: a sort has something to do.
  at: new Date(AT + ((i * 7919) % 1_000_003) * 1000).toISOString(),
});

/** Runs work for each stretch of at most so many numbers below `count`. */
export async function inStretches(count, length, work) {
  for (let first = 0; first < count; first += length) {
    await work(Array.from({ length: Math.min(length, count - first) }, (_, k) => first + k));
  }
}
