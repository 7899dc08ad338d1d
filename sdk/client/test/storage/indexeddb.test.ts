/** Places in IndexedDB, where the database itself is made up; real browsers run the same contract. */

import { forceCloseDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { indexeddb } from "../../src/storage/indexeddb.js";
import { contract, held } from "./contract.js";

beforeEach(() => vi.stubGlobal("IDBKeyRange", IDBKeyRange));
afterEach(() => vi.unstubAllGlobals());

contract("IndexedDB", () => ({ open: indexeddb({ factory: new IDBFactory() }), isKept: true }));
contract("IndexedDB, strict", () => ({ open: indexeddb({ factory: new IDBFactory(), durability: "strict" }), isKept: true }));

it("two tabs see one place, and one of two that expect the same is written", async () => {
  const open = indexeddb({ factory: new IDBFactory() });
  const [a, b] = [await open("notes"), await open("notes")];
  const commit = { expect: [["rev", undefined]] } as const;
  expect(await Promise.all([a.commit({ ...commit, put: [["meta", "rev", "a"]] }), b.commit({ ...commit, put: [["meta", "rev", "b"]] })])).toEqual([true, false]);
  expect(await held(b)).toEqual({ meta: { rev: "a" } });
});

it("a place that another tab destroys is told to be gone, and refuses what comes after", async () => {
  const open = indexeddb({ factory: new IDBFactory() });
  const [a, b] = [await open("notes"), await open("notes")];
  await a.commit({ put: [["queue", "1", "row"]] });
  await a.destroy();
  await b.gone;
  await expect(b.commit({ put: [["queue", "2", "row"]] })).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  expect(await held(await open("notes"))).toEqual({});
});

it("a tab that does not let go puts the deletion off, and the place is empty all the same", async () => {
  const factory = new IDBFactory();
  const open = indexeddb({ factory });
  const a = await open("notes");
  await a.commit({ put: [["meta", "term", "1"], ["queue", "1", "row"]] });
  // What a frozen tab does: nothing.
  const frozen = await new Promise<IDBDatabase>((resolve) => {
    const request = factory.open("syncline:notes");
    request.onsuccess = () => resolve(request.result);
  });
  await a.destroy();
  const store = frozen.transaction("queue").objectStore("queue").count();
  await new Promise((resolve) => (store.onsuccess = resolve));
  expect(store.result).toBe(0);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const opening = open("notes");
  const refusal = expect(opening).rejects.toMatchObject({ code: "CLIENT_STORE_LOCKED", retryable: true });
  await vi.advanceTimersByTimeAsync(10_000);
  await refusal;
  vi.useRealTimers();
  frozen.close();
  expect(await held(await open("notes"))).toEqual({});
});

it("a place of a newer program is refused and left as it is", async () => {
  const factory = new IDBFactory();
  await new Promise<void>((resolve) => {
    const request = factory.open("syncline:notes", 2);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  await expect(indexeddb({ factory })("notes")).rejects.toMatchObject({ code: "CLIENT_STORE_TOO_NEW" });
  expect((await factory.databases()).map(({ version }) => version)).toEqual([2]);
});

/** A browser whose connections can be cut. */
class Cutting {
  readonly factory = new IDBFactory();
  readonly #connections: IDBDatabase[] = [];

  constructor() {
    const open = this.factory.open.bind(this.factory);
    this.factory.open = (...of) => {
      const request = open(...of);
      request.addEventListener("success", () => this.#connections.push(request.result));
      return request;
    };
  }

  /** Deletes a database once its connections are cut. */
  deleteUnasked(name: string): IDBOpenDBRequest {
    for (const connection of this.#connections) connection.onversionchange = null;
    return this.factory.deleteDatabase(name);
  }

  /** Cuts all of them; `isTold`: with the event that says so. */
  cut(isTold: boolean): void {
    for (const connection of this.#connections.splice(0)) {
      if (isTold) forceCloseDatabase(connection as never);
      else connection.close();
    }
  }
}

it("a connection that the browser has cut is made anew, and the place is not gone", async () => {
  for (const isTold of [true, false]) {
    const browser = new Cutting();
    const storage = await indexeddb({ factory: browser.factory })("notes");
    let isGone = false;
    void storage.gone?.then(() => (isGone = true));
    for (let rev = 0; rev < 3; rev++) {
      browser.cut(isTold);
      const commits = [storage.commit({ put: [["meta", "rev", `${rev}`]] }), storage.commit({ expect: [["rev", `${rev}`]], put: [["queue", `${rev}`, "row"]] })];
      expect(await Promise.all(commits)).toEqual([true, true]);
    }
    expect(await held(storage)).toEqual({ meta: { rev: "2" }, queue: { 0: "row", 1: "row", 2: "row" } });
    expect(isGone).toBe(false);
    storage.close();
    await expect(storage.meta(["rev"])).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  }
});

it("a place that the browser has emptied is gone, and nothing is written into what stands there now", async () => {
  const browser = new Cutting();
  const storage = await indexeddb({ factory: browser.factory })("notes");
  await storage.commit({ put: [["meta", "rev", "1"]] });
  // A browser that empties a place asks nobody.
  const deletion = browser.deleteUnasked("syncline:notes");
  browser.cut(true);
  await storage.gone;
  expect(deletion.readyState).toBe("done");
  await expect(storage.commit({ put: [["meta", "rev", "2"]] })).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  expect(await held(await indexeddb({ factory: browser.factory })("notes"))).toEqual({});
});

/** Has the transactions of a database fail as a browser's do. */
function failing(factory: IDBFactory, fail: (transaction: IDBTransaction) => void): IDBFactory {
  return new Proxy(factory, {
    get: (target, member) => {
      if (member !== "open") return Reflect.get(target, member).bind(target);
      return (...of: [string, number]) => {
        const request = target.open(...of);
        request.addEventListener("success", () => {
          const database = request.result;
          const transaction = database.transaction.bind(database);
          database.transaction = (...asked: Parameters<IDBDatabase["transaction"]>) => {
            const begun = transaction(...asked);
            if (asked[1] === "readwrite") fail(begun);
            return begun;
          };
        });
        return request;
      };
    },
  });
}

it("a full place says so, however the browser says it, and nothing of the batch is written", async () => {
  const full = new DOMException("the quota has been exceeded", "QuotaExceededError");
  const disk = new DOMException("Encountered full disk while opening backing store", "UnknownError");
  const other = new DOMException("I/O", "UnknownError");
  const cases = [
    ["as the transaction ends", (transaction: IDBTransaction) => abortLater(transaction, full), "CLIENT_STORE_FULL"],
    ["when a row is put", (transaction: IDBTransaction) => refusePuts(transaction, full), "CLIENT_STORE_FULL"],
    ["with a full disk", (transaction: IDBTransaction) => abortLater(transaction, disk), "CLIENT_STORE_FULL"],
    ["for another reason", (transaction: IDBTransaction) => abortLater(transaction, other), "CLIENT_STORE_FAILED"],
    ["since the browser shuts it", (transaction: IDBTransaction) => abortLater(transaction, null), "CLIENT_STORE_FAILED"],
  ] as const;
  for (const [name, fail, code] of cases) {
    const factory = new IDBFactory();
    const before = await indexeddb({ factory })("notes");
    await before.commit({ put: [["meta", "rev", "1"], ["queue", "0", "row"]] });
    const storage = await indexeddb({ factory: failing(factory, fail) })("notes");
    const batch = { expect: [["rev", "1"]], clear: ["queue"], put: [["meta", "rev", "2"], ["queue", "1", "row"]] } as const;
    await expect(storage.commit(batch), name).rejects.toMatchObject({ code, retryable: true });
    expect(await held(before), name).toEqual({ meta: { rev: "1" }, queue: { 0: "row" } });
  }
});

it("a transaction of which nothing is heard after the connection was cut ends, and the next one is written", async () => {
  const browser = new Cutting();
  let silent = 1;
  const silence = (transaction: IDBTransaction): void => {
    if (silent-- <= 0) return;
    for (const event of ["oncomplete", "onabort"]) Object.defineProperty(transaction, event, { set: () => undefined });
  };
  const storage = await indexeddb({ factory: failing(browser.factory, silence) })("notes");
  const unheard = expect(storage.commit({ put: [["queue", "1", "row"]] })).rejects.toMatchObject({ code: "CLIENT_STORE_FAILED", retryable: true });
  browser.cut(true);
  await unheard;
  expect(await storage.commit({ put: [["queue", "2", "row"]] })).toBe(true);
  expect((await held(storage))["queue"]).toMatchObject({ 2: "row" });
});

/** Has a transaction fail when all is handed over, as at its end. */
function abortLater(transaction: IDBTransaction, error: DOMException | null): void {
  const fail = (): void => {
    Object.defineProperty(transaction, "error", { value: error });
    transaction.abort();
  };
  transaction.commit = fail;
}

function refusePuts(transaction: IDBTransaction, error: DOMException): void {
  const objectStore = transaction.objectStore.bind(transaction);
  transaction.objectStore = (name: string) => {
    const store = objectStore(name);
    store.put = () => {
      throw error;
    };
    return store;
  };
}
