/**
 * Rows at rest: sealed by AES-GCM with 256 bits, their keys by HMAC-SHA-256.
 *
 * A row is bound to its table and key, so one that was moved is refused. Its key stands sealed beside it, since a digest does not
 * tell it. What is not hidden: how many rows there are, how long each is, and when which was written. A row that was replaced by an
 * earlier one of the same key is not noticed.
 *
 * The nonce is random for all tables but `meta`: there it is a digest of what is sealed, so that a row that stayed the same looks
 * the same and can be expected. Nonces of 96 random bits and digests of 96 bits are as unlikely to meet.
 */

import { SynclineError } from "../error.js";
import type { Table } from "../storage/storage.js";

/** What a place is sealed with. */
export interface Keys {
  /** AES-GCM. */
  readonly rows: CryptoKey;
  /** HMAC with SHA-256. */
  readonly names: CryptoKey;
}

export type Bytes = Uint8Array<ArrayBuffer>;

const NONCE_BYTES = 12;
/** What is kept of the digest of a key: two keys meet in one of 2^144. */
const NAME_BYTES = 18;
/** How many bytes become a text at once: what a function takes as arguments is bounded. */
const BYTES_WRITTEN_AT_ONCE = 0x2000;

/** Returns the bytes of a text. */
export function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Returns bytes as base64. */
export function toBase64(bytes: Bytes): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += BYTES_WRITTEN_AT_ONCE) text += String.fromCharCode(...bytes.subarray(from, from + BYTES_WRITTEN_AT_ONCE));
  return btoa(text);
}

/** Returns the bytes that base64 stands for. */
export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

async function digest(keys: Keys, use: "name" | "nonce", parts: readonly string[], length: number): Promise<Bytes> {
  // As JSON, so that no two lists are the same bytes.
  const mac = await crypto.subtle.sign("HMAC", keys.names, bytesOf(JSON.stringify([use, ...parts])));
  return new Uint8Array(mac, 0, length);
}

/** Returns what stands for a key: the same for the same key of the same table. */
export async function sealName(keys: Keys, table: Table, key: string): Promise<string> {
  return toBase64(await digest(keys, "name", [table, key], NAME_BYTES));
}

/** Returns a row with its key, sealed for the place `name` of a table. */
export async function sealRow(keys: Keys, table: Table, name: string, key: string, row: string): Promise<string> {
  const nonce = table === "meta" ? await digest(keys, "nonce", [key, row], NONCE_BYTES) : crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(how(nonce, table, name), keys.rows, bytesOf(JSON.stringify([key, row])));
  const bytes = new Uint8Array(NONCE_BYTES + sealed.byteLength);
  bytes.set(nonce);
  bytes.set(new Uint8Array(sealed), NONCE_BYTES);
  return toBase64(bytes);
}

/**
 * Returns the key and the row that were sealed for the place `name` of a table.
 *
 * @throws SynclineError `CLIENT_STORE_DAMAGED`: another key, another place, or changed bytes.
 */
export async function openRow(keys: Keys, table: Table, name: string, sealed: string): Promise<readonly [key: string, row: string]> {
  try {
    const bytes = fromBase64(sealed);
    const opened = await crypto.subtle.decrypt(how(bytes.subarray(0, NONCE_BYTES), table, name), keys.rows, bytes.subarray(NONCE_BYTES));
    return JSON.parse(new TextDecoder().decode(opened)) as [string, string];
  } catch {
    throw new SynclineError("CLIENT_STORE_DAMAGED", "a row of the store cannot be opened");
  }
}

function how(iv: Bytes, table: Table, name: string): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: bytesOf(JSON.stringify([table, name])) };
}
