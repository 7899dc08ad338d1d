// What every contender does in a page. Each has `open(name)`, which answers a store:
//
//   insert(id, document)   kept once it is stored
//   bulk(entries)          the same for many at once
//   top(after)             ids of the 50 earliest open documents after a time: in the direction in which all have an index
//   live(tell)             tells the ids of `top` now and with every change, until what it answers is called
//   move(id, at)           gives a document another time; kept once it is stored
//   close()
import { documentOf, idOf } from '../documents.mjs';

const ROUNDS = { insert: 40, serial: 10, bulk: 10, query: 40, live: 40, open: 10 };
/** Documents of the store that is queried. */
const STORED = 10_000;
const AT_ONCE = 1_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** A time within those of the documents; another one for each number, so that no answer is remembered. */
const cutOf = (i) => documentOf(i * 61).at;

/** Measures so many turns; what `work` answers is thrown away, and what is to come first is not measured. */
async function times(count, work, prepare = async () => undefined) {
  const found = [];
  for (let i = 0; i < count; i += 1) {
    const prepared = await prepare(i);
    await pause(10);
    const begun = performance.now();
    await work(i, prepared);
    found.push(performance.now() - begun);
  }
  found.sort((a, b) => a - b);
  const at = (share) => found[Math.min(found.length - 1, Math.floor(share * found.length))];
  return { p50: at(0.5), p95: at(0.95) };
}

const entriesOf = (first, count) => Array.from({ length: count }, (_, k) => [idOf(first + k), documentOf(first + k)]);

/** Measures writes, in a store that begins empty. */
async function writes(contender) {
  const store = await contender.open(`writes-${Date.now()}`);
  let next = 0;
  const insert = () => store.insert(idOf(next), documentOf(next++));
  await insert();
  const found = {
    insert: await times(ROUNDS.insert, insert),
    serial: await times(ROUNDS.serial, async () => {
      for (let i = 0; i < 20; i += 1) await insert();
    }),
    bulk: await times(
      ROUNDS.bulk,
      (_, entries) => store.bulk(entries),
      async () => {
        const entries = entriesOf(next, AT_ONCE);
        next += AT_ONCE;
        return entries;
      },
    ),
  };
  await store.close();
  return found;
}

/** Measures reads, in a store of 10,000. Answers what one query found as well: it is the same for all. */
async function reads(contender) {
  const name = `reads-${Date.now()}`;
  await contender.fill(name, (first) => entriesOf(first, AT_ONCE), STORED, AT_ONCE);
  let store = await contender.open(name);
  const ids = await store.top(cutOf(0));
  const query = await times(ROUNDS.query, (i) => store.top(cutOf(i + 1)));

  let wanted;
  let seen;
  const stop = await store.live((told) => {
    if (told[0] === wanted) seen();
  });
  const live = await times(ROUNDS.live, (i) => {
    const shown = new Promise((resolve) => (seen = resolve));
    // Documents of the back come to the front, one after the other.
    wanted = idOf(i * 3 + 1);
    const at = new Date(Date.UTC(2020, 0, 1) - i * 1000).toISOString();
    return Promise.all([store.move(wanted, at), shown]);
  });
  stop();

  const open = await times(
    ROUNDS.open,
    async () => {
      store = await contender.open(name);
      await store.top(cutOf(0));
    },
    () => store.close(),
  );
  await store.close();
  return { ids, query, live, open };
}

export async function alone(contender) {
  return { ...(await writes(contender)), ...(await reads(contender)) };
}
