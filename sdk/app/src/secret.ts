/** What webhooks are signed and verified with. */

import { SynclineError } from "./error.js";

/** Most secrets of one endpoint or receiver: two while one takes the place of the other, of each kind, and some more. */
export const SECRETS_MAX = 8;
/** Longest plain secret, in bytes. */
const PLAIN_BYTES_MAX = 1_024;
/** Length of an Ed25519 seed and of a public key, in bytes. */
const ED25519_BYTES = 32;
/** What stands before a seed in PKCS #8 (RFC 8410): WebCrypto takes none alone. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** Keys by what they sign. */
export interface Keys {
  /** `whsec_`: HMAC-SHA256. */
  readonly symmetric: readonly CryptoKey[];
  /** `whsk_`: Ed25519, both halves. */
  readonly signing: readonly CryptoKey[];
  /** `whpk_`, and the public halves of the above. */
  readonly verifying: readonly CryptoKey[];
  /** Spec 004's: any text. */
  readonly plain: readonly CryptoKey[];
}

/** Secrets as settings have them. */
export interface Secrets {
  /** `whsec_…`, `whsk_…`, `whpk_…`; several while one takes the place of another. */
  readonly secrets?: string | readonly string[] | undefined;
  /** Spec 004's `WEBHOOK_SECRET`: any text. */
  readonly plainSecrets?: string | readonly string[] | undefined;
}

/** Makes secrets ready. Throws `WEBHOOK_SECRET_INVALID`, which says nothing of the text. */
export async function importSecrets({ secrets = [], plainSecrets = [] }: Secrets): Promise<Keys> {
  const texts = typeof secrets === "string" ? [secrets] : secrets;
  const plain = typeof plainSecrets === "string" ? [plainSecrets] : plainSecrets;
  if (texts.length + plain.length > SECRETS_MAX) throw invalid(`at most ${SECRETS_MAX} secrets are used`);
  const keys = { symmetric: [] as CryptoKey[], signing: [] as CryptoKey[], verifying: [] as CryptoKey[], plain: [] as CryptoKey[] };
  for (const text of texts) {
    if (text.startsWith("whsec_")) keys.symmetric.push(await hmacKey(bytesOf(text.slice(6), 24, 64)));
    else if (text.startsWith("whpk_")) keys.verifying.push(await publicKey(bytesOf(text.slice(5), ED25519_BYTES, ED25519_BYTES)));
    else if (text.startsWith("whsk_")) {
      const pair = await keyPair(bytesOf(text.slice(5), ED25519_BYTES, 2 * ED25519_BYTES));
      keys.signing.push(pair.signing);
      keys.verifying.push(pair.verifying);
    } else throw invalid("a secret begins with `whsec_`, `whsk_` or `whpk_`");
  }
  for (const text of plain) {
    const bytes = Buffer.from(text, "utf8");
    if (bytes.length < 1 || bytes.length > PLAIN_BYTES_MAX) throw invalid(`a plain secret has 1 to ${PLAIN_BYTES_MAX} bytes`);
    keys.plain.push(await hmacKey(bytes));
  }
  return keys;
}

/** Reads base64 strictly; returns `undefined` for anything else, as the alphabet of URLs. Padding may be left out. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
  // What does not come out again as it was has bits or padding that mean nothing.
  const isWhole = bytes !== undefined && [bytes.toString("base64"), bytes.toString("base64").replace(/=+$/, "")].includes(text);
  return isWhole ? new Uint8Array(bytes) : undefined;
}

function bytesOf(encoded: string, min: number, max: number): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(encoded);
  if (bytes === undefined) throw invalid("what stands behind the prefix of a secret is base64");
  if (bytes.length < min || bytes.length > max) throw invalid(`a secret of this kind has ${min} to ${max} bytes`);
  return bytes;
}

function hmacKey(bytes: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(bytes), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

function publicKey(bytes: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(bytes), "Ed25519", false, ["verify"]);
}

async function keyPair(bytes: Uint8Array): Promise<{ readonly signing: CryptoKey; readonly verifying: CryptoKey }> {
  if (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES) throw invalid("a signing key is a seed of 32 bytes, or seed and public key");
  const pkcs8 = new Uint8Array(Buffer.concat([PKCS8_HEAD, bytes.subarray(0, ED25519_BYTES)]));
  // Its public half is told only of a key that may leave.
  const open = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", open);
  const half = Buffer.from(x, "base64url");
  if (bytes.length > ED25519_BYTES && !half.equals(bytes.subarray(ED25519_BYTES))) throw invalid("the two halves of the signing key are not a key pair");
  return { signing: await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]), verifying: await publicKey(half) };
}

function invalid(message: string): SynclineError {
  return new SynclineError("WEBHOOK_SECRET_INVALID", message);
}
