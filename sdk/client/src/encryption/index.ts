/**
 * Data sealed at rest: what a place holds cannot be read off the device's disk without the key.
 *
 * `open({ name, storage: encrypted(indexeddb(), browserKey()) })`. It does not guard against scripts of the same page, which may
 * ask the client itself.
 */

import { SynclineError } from "../error.js";
import { type Batch, closedError, type OpenStorage, SEAL, type Storage, type Table } from "../storage/storage.js";
import { keyError, type KeySource, type Note } from "./keys.js";
import { type Keys, openRow, sealName, sealRow } from "./seal.js";

export { browserKey, type KeySource, type Note, passphraseKey, secretKey } from "./keys.js";
export type { Keys } from "./seal.js";

/** The form of sealed rows. Raise it with every change; older programs then refuse. */
const FORM = 1;
/** What is sealed so that another key is known by it. */
const CHECK = "syncline";
/** Rows that are sealed or opened at once: the browser does them beside each other. */
const ROWS_AT_ONCE = 500;

/** What stands in a sealed place as it is. */
interface Header {
  readonly form: number;
  readonly note: Note;
  /** The check, sealed. */
  readonly check: string;
}

/**
 * Returns places of another kind whose rows are sealed.
 *
 * A place that is not sealed, or is sealed with another key, is refused with `CLIENT_STORE_KEY` and left as it is.
 */
export function encrypted(open: OpenStorage, source: KeySource): OpenStorage {
  return async (name) => {
    const plain = await open(name);
    try {
      const sealed = (await known(plain, source, name)) ?? (await made(plain, source, name));
      return sealedPlace(plain, sealed, () => source.forget(name));
    } catch (error) {
      plain.close();
      throw error;
    }
  };
}

/** What a place is sealed with, and the row that says so. */
interface Sealed {
  readonly keys: Keys;
  readonly header: string;
}

/** Finds the keys of a place that is sealed already. */
async function known(plain: Storage, source: KeySource, name: string): Promise<Sealed | undefined> {
  const [text] = await plain.meta([SEAL]);
  if (text === undefined) return undefined;
  const header = parse(text);
  if (header.form > FORM) throw new SynclineError("CLIENT_STORE_TOO_NEW", "the store was sealed by a newer program");
  const { keys } = await source.keys(name, header.note);
  await openRow(keys, "meta", SEAL, header.check).catch(() => {
    throw keyError("the key does not open the store");
  });
  return { keys, header: text };
}

function parse(text: string): Header {
  try {
    const { form, note, check } = JSON.parse(text) as Partial<Header>;
    if (typeof form === "number" && typeof note === "object" && typeof check === "string") return { form, note, check };
  } catch {
    // It is refused below.
  }
  throw new SynclineError("CLIENT_STORE_DAMAGED", "the note beside the sealed store cannot be read");
}

/** Makes an empty place a sealed one. */
async function made(plain: Storage, source: KeySource, name: string): Promise<Sealed> {
  for (const rows of (await plain.load()).values()) {
    if (rows.size > 0) throw keyError("the store is not sealed");
  }
  const { keys, note } = await source.keys(name, undefined);
  const header: Header = { form: FORM, note, check: await sealRow(keys, "meta", SEAL, SEAL, CHECK) };
  const text = JSON.stringify(header);
  if (await plain.commit({ expect: [[SEAL, undefined]], put: [["meta", SEAL, text]] })) return { keys, header: text };
  // Another tab was first.
  const others = await known(plain, source, name);
  if (others === undefined) throw keyError("the store was taken away");
  return others;
}

function sealedPlace(plain: Storage, { keys, header }: Sealed, forget: () => Promise<void>): Storage {
  let isOpen = true;
  let underWay = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** Prepares things beside each other, but hands them on in the order in which they were asked for. */
  const inTurn = async <P, T>(prepare: () => Promise<P>, work: (prepared: P) => Promise<T>): Promise<T> => {
    if (!isOpen) throw closedError();
    underWay++;
    const ready = Promise.all([last, prepare()]);
    last = ready.catch(() => undefined);
    try {
      return await ready.then(([, prepared]) => work(prepared));
    } finally {
      if (--underWay === 0 && !isOpen) plain.close();
    }
  };
  const nothing = async (): Promise<void> => {};

  return {
    isShared: plain.isShared,
    durability: plain.durability,
    ...(plain.gone && { gone: plain.gone }),
    ...(plain.flush && { flush: () => inTurn(nothing, () => plain.flush?.() ?? nothing()) }),

    load: () =>
      inTurn(nothing, async () => {
        const opened = new Map<Table, ReadonlyMap<string, string>>();
        for (const [table, rows] of await plain.load()) {
          const sealed = [...rows].filter(([name]) => table !== "meta" || name !== SEAL);
          opened.set(table, new Map(await inParts(sealed, ([name, row]) => openRow(keys, table, name, row))));
        }
        return opened;
      }),

    meta: (names) =>
      inTurn(
        () => inParts(names, (key) => sealName(keys, "meta", key)),
        async (sealed) => {
          const rows = await plain.meta(sealed);
          return inParts(sealed, async (name, at) => {
            const row = rows[at];
            return row === undefined ? undefined : (await openRow(keys, "meta", name, row))[1];
          });
        },
      ),

    commit: (batch) =>
      inTurn(
        () => sealBatch(keys, batch),
        (sealed) => {
          // What the keys are known by stays.
          const kept = batch.clear?.includes("meta") ? ([["meta", SEAL, header]] as const) : [];
          return plain.commit({ ...sealed, put: [...kept, ...(sealed.put ?? [])] });
        },
      ),

    async destroy() {
      await inTurn(nothing, () => plain.destroy());
      isOpen = false;
      await forget();
    },

    close() {
      if (isOpen && underWay === 0) plain.close();
      isOpen = false;
    },
  };
}

async function sealBatch(keys: Keys, { expect = [], clear = [], remove = [], put = [] }: Batch): Promise<Batch> {
  return {
    expect: await inParts(expect, async ([key, row]) => {
      const name = await sealName(keys, "meta", key);
      return [name, row === undefined ? undefined : await sealRow(keys, "meta", name, key, row)] as const;
    }),
    clear,
    remove: await inParts(remove, async ([table, key]) => [table, await sealName(keys, table, key)] as const),
    put: await inParts(put, async ([table, key, row]) => {
      const name = await sealName(keys, table, key);
      return [table, name, await sealRow(keys, table, name, key, row)] as const;
    }),
  };
}

/** Does something with each of many, some at once. */
async function inParts<A, B>(all: readonly A[], work: (one: A, at: number) => Promise<B>): Promise<B[]> {
  const done: B[] = [];
  for (let from = 0; from < all.length; from += ROWS_AT_ONCE) {
    done.push(...(await Promise.all(all.slice(from, from + ROWS_AT_ONCE).map((one, at) => work(one, from + at)))));
  }
  return done;
}
