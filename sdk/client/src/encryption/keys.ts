/** Where the keys of a sealed place come from. */

import { SynclineError } from "../error.js";
import { type Bytes, bytesOf, fromBase64, type Keys, toBase64 } from "./seal.js";

/** What stands beside a sealed place so that its keys are found again: nothing secret. */
export interface Note {
  readonly by: "browser" | "passphrase" | "secret";
  readonly salt?: string;
  readonly rounds?: number;
  readonly wrapped?: string;
}

/** A way to the keys of a place. */
export interface KeySource {
  /**
   * Returns the keys of the place of a name.
   *
   * - `note`: what stands beside it; `undefined` where the place is new.
   *
   * @throws SynclineError `CLIENT_STORE_KEY`: they are not here, or are others.
   */
  keys(name: string, note: Note | undefined): Promise<{ readonly keys: Keys; readonly note: Note }>;
  /** Forgets them: what was sealed is never read again. */
  forget(name: string): Promise<void>;
}

/** Rounds of PBKDF2, as OWASP advises for SHA-256 (2023). */
const ROUNDS = 600_000;
/** Rounds that a note may ask for: whoever changes it shall not have the client busy for hours. */
const ROUNDS_MAX = 10_000_000;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const SEALED_OTHERWISE = "the store is sealed with another kind of key";

/** Returns the refusal of a key. */
export function keyError(message: string): SynclineError {
  return new SynclineError("CLIENT_STORE_KEY", message);
}

function unavailable(message: string, cause?: unknown): SynclineError {
  return new SynclineError("CLIENT_ENCRYPTION_UNAVAILABLE", message, { cause });
}

function subtle(): SubtleCrypto {
  // Pages that were not loaded by HTTPS have none.
  const found = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (found === undefined) throw unavailable("there is no cryptography here");
  return found;
}

/**
 * Keys that the browser makes and keeps: no script reads them, this one included.
 *
 * Whether the browser can keep such a key is tried before anything is sealed with it. Where it cannot, `otherwise` is asked; without
 * that the place is refused with `CLIENT_ENCRYPTION_UNAVAILABLE`, and nothing is stored in plain.
 */
export function browserKey({ factory = globalThis.indexedDB, otherwise }: { readonly factory?: IDBFactory; readonly otherwise?: KeySource } = {}): KeySource {
  return {
    async keys(name, note) {
      if (note !== undefined && note.by !== "browser") {
        if (otherwise === undefined) throw keyError(SEALED_OTHERWISE);
        return otherwise.keys(name, note);
      }
      try {
        const found = await readKeys(factory, name);
        if (found === undefined && note !== undefined) throw keyError("the key of the store is not in this browser");
        return { keys: found ?? (await makeKeys(factory, name)), note: { by: "browser" } };
      } catch (error) {
        if (note !== undefined || otherwise === undefined || !isUnavailable(error)) throw error;
        return otherwise.keys(name, note);
      }
    },
    async forget(name) {
      await withKeys(factory, "readwrite", (store) => store.delete(name)).catch(() => undefined);
      await otherwise?.forget(name);
    },
  };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof SynclineError && error.code === "CLIENT_ENCRYPTION_UNAVAILABLE";
}

async function makeKeys(factory: IDBFactory, name: string): Promise<Keys> {
  const made: Keys = {
    rows: await subtle().generateKey({ name: "AES-GCM", length: 8 * KEY_BYTES }, false, ["encrypt", "decrypt"]),
    names: await subtle().generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
  };
  try {
    await test(made, factory);
    // Another tab may have been first.
    await withKeys(factory, "readwrite", (store) => {
      const known = store.getKey(name);
      known.onsuccess = () => {
        if (known.result === undefined) store.put(made, name);
      };
      return known;
    });
  } catch (cause) {
    throw unavailable("this browser cannot keep a key", cause);
  }
  const kept = await readKeys(factory, name);
  if (kept === undefined) throw unavailable("this browser did not keep the key");
  return kept;
}

/** Stores keys, reads them back, and opens with what came back what was sealed before. */
async function test(made: Keys, factory: IDBFactory): Promise<void> {
  const iv = new Uint8Array(NONCE_BYTES);
  const sample = bytesOf("sample");
  // These are for the test alone: the nonce is not a fresh one.
  const tried: Keys = { ...made, rows: await subtle().generateKey({ name: "AES-GCM", length: 8 * KEY_BYTES }, false, ["encrypt", "decrypt"]) };
  const sealed = await subtle().encrypt({ name: "AES-GCM", iv }, tried.rows, sample);
  const mac = await subtle().sign("HMAC", tried.names, sample);
  const name = `test ${crypto.randomUUID()}`;
  await withKeys(factory, "readwrite", (store) => store.put(tried, name));
  const back = await readKeys(factory, name);
  await withKeys(factory, "readwrite", (store) => store.delete(name));
  if (back === undefined) throw new Error("the key did not come back");
  const opened = await subtle().decrypt({ name: "AES-GCM", iv }, back.rows, sealed);
  const isSame = toBase64(new Uint8Array(opened)) === toBase64(sample) && toBase64(new Uint8Array(await subtle().sign("HMAC", back.names, sample))) === toBase64(new Uint8Array(mac));
  if (!isSame || back.rows.extractable || back.names.extractable) throw new Error("the key came back as another one");
}

async function readKeys(factory: IDBFactory, name: string): Promise<Keys | undefined> {
  const found = (await withKeys(factory, "readonly", (store) => store.get(name))) as Keys | undefined;
  if (found === undefined) return undefined;
  // Some browsers answer an object without anything.
  if (!(found.rows instanceof CryptoKey && found.names instanceof CryptoKey)) throw unavailable("this browser does not keep keys");
  return found;
}

/** Does one thing with the database of keys, and waits until it is on the disk. */
function withKeys<T>(factory: IDBFactory | undefined, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(unavailable("the database of keys cannot be used", cause));
    let opening: IDBOpenDBRequest;
    try {
      if (factory === undefined) throw new TypeError("there is none");
      opening = factory.open("syncline-keys", 1);
    } catch (cause) {
      return fail(cause);
    }
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      try {
        const transaction = database.transaction("keys", mode, { durability: "strict" });
        const request = work(transaction.objectStore("keys"));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => fail(transaction.error);
      } catch (cause) {
        fail(cause);
      } finally {
        database.close();
      }
    };
  });
}

/**
 * Keys behind a passphrase of the person: random ones, wrapped by what PBKDF2 makes of the passphrase.
 *
 * - `ask`: returns the passphrase, or asks for it.
 */
export function passphraseKey(ask: string | (() => string | Promise<string>)): KeySource {
  return {
    async keys(name, note) {
      if (note !== undefined && note.by !== "passphrase") throw keyError(SEALED_OTHERWISE);
      const { salt = toBase64(random(SALT_BYTES)), rounds = ROUNDS, wrapped } = note ?? {};
      if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) throw keyError("the note beside the store is not one of ours");
      const wrapper = await wrapperOf(typeof ask === "string" ? ask : await ask(), fromBase64(salt), rounds);
      const secret = wrapped === undefined ? random(KEY_BYTES) : await unwrap(wrapper, name, fromBase64(wrapped));
      return { keys: await keysOf(secret, new Uint8Array()), note: { by: "passphrase", salt, rounds, wrapped: wrapped ?? toBase64(await wrap(wrapper, name, secret)) } };
    },
    async forget() {
      // The passphrase is the person's; what it unwraps goes with the place.
    },
  };
}

/**
 * Keys made of a secret that the app keeps, in the system's keychain for example: 32 random bytes. Two places of one secret share
 * nothing.
 *
 * - `ask`: returns the secret, or fetches it.
 */
export function secretKey(ask: Uint8Array | (() => Uint8Array | Promise<Uint8Array>)): KeySource {
  return {
    async keys(_name, note) {
      if (note !== undefined && note.by !== "secret") throw keyError(SEALED_OTHERWISE);
      const secret = new Uint8Array(typeof ask === "function" ? await ask() : ask);
      if (secret.length !== KEY_BYTES) throw keyError("the secret is not one of 32 bytes");
      const salt = note?.salt ?? toBase64(random(SALT_BYTES));
      return { keys: await keysOf(secret, fromBase64(salt)), note: { by: "secret", salt } };
    },
    async forget() {
      // The secret is the app's, and may be that of other places.
    },
  };
}

function random(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

async function wrapperOf(passphrase: string, salt: Bytes, iterations: number): Promise<CryptoKey> {
  // One passphrase may be typed in different forms on different keyboards.
  const known = await subtle().importKey("raw", bytesOf(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  return subtle().deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, known, { name: "AES-GCM", length: 8 * KEY_BYTES }, false, ["encrypt", "decrypt"]);
}

async function wrap(wrapper: CryptoKey, name: string, secret: Bytes): Promise<Bytes> {
  // A wrapper seals once: each place has a salt of its own.
  const nonce = random(NONCE_BYTES);
  const sealed = await subtle().encrypt({ name: "AES-GCM", iv: nonce, additionalData: bytesOf(name) }, wrapper, secret);
  return new Uint8Array([...nonce, ...new Uint8Array(sealed)]);
}

async function unwrap(wrapper: CryptoKey, name: string, wrapped: Bytes): Promise<Bytes> {
  try {
    const iv = wrapped.subarray(0, NONCE_BYTES);
    return new Uint8Array(await subtle().decrypt({ name: "AES-GCM", iv, additionalData: bytesOf(name) }, wrapper, wrapped.subarray(NONCE_BYTES)));
  } catch {
    throw keyError("the passphrase does not open the store");
  }
}

async function keysOf(secret: Bytes, salt: Bytes): Promise<Keys> {
  const known = await subtle().importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const derive = (info: string, algorithm: AesKeyGenParams | HmacKeyGenParams, uses: KeyUsage[]): Promise<CryptoKey> =>
    subtle().deriveKey({ name: "HKDF", hash: "SHA-256", salt, info: bytesOf(info) }, known, algorithm, false, uses);
  return {
    rows: await derive("syncline rows", { name: "AES-GCM", length: 8 * KEY_BYTES }, ["encrypt", "decrypt"]),
    names: await derive("syncline names", { name: "HMAC", hash: "SHA-256", length: 8 * KEY_BYTES }, ["sign"]),
  };
}
