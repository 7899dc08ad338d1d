/**
 * Webhooks signed and verified: Standard Webhooks 1.0.0 and spec 004's `x-webhook-signature`.
 *
 * Each signature that is there and accepted must verify; of several secrets of a kind any one will do, so that a secret can be
 * replaced without refusing what the former one has signed.
 */

import { SynclineError } from "./error.js";
import { isEventId } from "./event.js";
import { fromBase64, importSecrets, type Keys, type Secrets, SECRETS_MAX } from "./secret.js";

export { SynclineError } from "./error.js";
export type { Secrets } from "./secret.js";

/** By how much the time of a webhook may differ from ours, both ways, in seconds. Source: the official libraries. */
export const TOLERANCE_S = 300;
/** Longest list of signatures that is read, in bytes. */
const SIGNATURE_BYTES_MAX = 4_096;
/** Most signatures in it: two for each secret of a sender. */
const SIGNATURES_MAX = 2 * SECRETS_MAX;

/** A body as it is on its way: bytes, or the text that is them in UTF-8. */
export type Body = string | Uint8Array | ArrayBuffer;

/** Headers as `Request` or as Node have them. */
export type HeadersLike = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What is signed. */
export interface Signed extends Secrets {
  /** The id of the event: the same at every attempt. */
  readonly id: string;
  /** When this attempt is made; now unless named. */
  readonly timestamp?: Date | undefined;
  readonly body: Body;
}

/** How a webhook is verified. */
export interface VerifyOptions extends Secrets {
  /** Which signatures are taken: both if there are secrets of both kinds, or none; else those of the secrets that there are. */
  readonly accept?: "standard" | "plain" | "both" | undefined;
  /** By how much clocks may differ, in seconds: 300. */
  readonly toleranceS?: number | undefined;
  /** What time it is; now unless named. */
  readonly now?: Date | undefined;
}

/** What was verified. */
export interface Verified {
  /** The id of the event, by which duplicates are known; `undefined` where only spec 004's signature came: see the `id` of its body. */
  readonly id: string | undefined;
  /** Whether Standard Webhooks' signature was there. Spec 004's holds no time: only who remembers ids sees that something came before. */
  readonly isStandard: boolean;
}

/** Returns the headers that sign a body: `webhook-*` for prefixed secrets, `x-webhook-signature` for a plain one. */
export async function signWebhook({ id, timestamp = new Date(), body, ...secrets }: Signed): Promise<Record<string, string>> {
  if (!isEventId(id)) throw new SynclineError("EVENT_ID_INVALID", "an event id is 1 to 128 visible characters of ASCII without a full stop");
  const { symmetric, signing, verifying, plain } = await importSecrets(secrets);
  if (verifying.length > signing.length) throw new SynclineError("WEBHOOK_SECRET_INVALID", "a `whpk_` secret verifies and signs nothing");
  const bytes = bytesOf(body);
  const seconds = String(Math.floor(timestamp.getTime() / 1000));
  const content = signedContent(id, seconds, bytes);
  const signatures = [
    ...(await Promise.all(symmetric.map(async (key) => `v1,${await sign("HMAC", key, content, "base64")}`))),
    ...(await Promise.all(signing.map(async (key) => `v1a,${await sign("Ed25519", key, content, "base64")}`))),
  ];
  const headers: Record<string, string> = { "webhook-id": id, "webhook-timestamp": seconds };
  if (signatures.length > 0) headers["webhook-signature"] = signatures.join(" ");
  // A header holds one: receivers of spec 004 compare it as a whole.
  const [first] = plain;
  if (first !== undefined) headers["x-webhook-signature"] = await sign("HMAC", first, bytes, "hex");
  if (signatures.length === 0 && first === undefined) throw new SynclineError("WEBHOOK_SECRET_LACKING", "there is no secret to sign with");
  return headers;
}

/**
 * Verifies a webhook by its headers and its body as it came, to the byte.
 *
 * Throws `SynclineError`: the request is to be refused with its code and nothing more. Whoever applies the event must know its id again:
 * what is delivered at least once comes twice.
 */
export async function verifyWebhook(headers: HeadersLike, body: Body, options: VerifyOptions): Promise<Verified> {
  const { toleranceS = TOLERANCE_S, now = new Date(), ...secrets } = options;
  const keys = await importSecrets(secrets);
  const accept = options.accept ?? acceptedBy(keys);
  const signature = headerOf(headers, "webhook-signature");
  const plainSignature = headerOf(headers, "x-webhook-signature");
  const isStandard = signature !== undefined && accept !== "plain";
  const isPlain = plainSignature !== undefined && accept !== "standard";
  if (!isStandard && !isPlain) throw new SynclineError("WEBHOOK_UNSIGNED", "the webhook has no signature of a kind that is taken");
  const bytes = bytesOf(body);
  const id = isStandard ? await verifyStandard(keys, headers, signature, bytes, toleranceS, now) : undefined;
  if (isPlain) await verifyPlain(keys, plainSignature, bytes);
  return { id, isStandard };
}

function acceptedBy({ symmetric, verifying, plain }: Keys): "standard" | "plain" | "both" {
  const [isStandard, isPlain] = [symmetric.length + verifying.length > 0, plain.length > 0];
  return isStandard === isPlain ? "both" : isStandard ? "standard" : "plain";
}

async function verifyStandard(keys: Keys, headers: HeadersLike, signature: string, body: Uint8Array, toleranceS: number, now: Date): Promise<string> {
  const [id, timestamp] = ["webhook-id", "webhook-timestamp"].map((name) => {
    const value = headerOf(headers, name);
    if (value === undefined) throw new SynclineError("WEBHOOK_UNSIGNED", `the header ${name} is missing`);
    return value;
  }) as [string, string];
  if (keys.symmetric.length + keys.verifying.length === 0) throw lacking("webhook-signature");
  if (!isEventId(id)) throw malformed("webhook-id");
  if (!/^\d{1,12}$/.test(timestamp)) throw malformed("webhook-timestamp");
  if (Math.abs(Math.floor(now.getTime() / 1000) - Number(timestamp)) > toleranceS) {
    throw new SynclineError("WEBHOOK_TIMESTAMP_OUTSIDE", `the webhook's time differs from ours by more than ${toleranceS} s`);
  }
  const content = signedContent(id, timestamp, body);
  for (const { isAsymmetric, bytes } of signaturesOf(signature)) {
    const [algorithm, candidates] = isAsymmetric ? (["Ed25519", keys.verifying] as const) : (["HMAC", keys.symmetric] as const);
    for (const key of candidates) if (await crypto.subtle.verify(algorithm, key, bytes, content)) return id;
  }
  throw wrong("webhook-signature");
}

async function verifyPlain({ plain }: Keys, signature: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  if (plain.length === 0) throw lacking("x-webhook-signature");
  const digits = /^(?:sha256=)?([0-9a-fA-F]{64})$/.exec(signature)?.[1];
  if (digits === undefined) throw malformed("x-webhook-signature");
  const given = new Uint8Array(Buffer.from(digits, "hex"));
  for (const key of plain) if (await crypto.subtle.verify("HMAC", key, given, body)) return;
  throw wrong("x-webhook-signature");
}

/** Reads a list of signatures. Those of unknown versions are left out: a sender may know more than we do. */
function signaturesOf(value: string): readonly { readonly isAsymmetric: boolean; readonly bytes: Uint8Array<ArrayBuffer> }[] {
  const parts = value.split(" ").filter((part) => part !== "");
  if (value.length > SIGNATURE_BYTES_MAX || parts.length > SIGNATURES_MAX) throw malformed("webhook-signature");
  return parts.flatMap((part) => {
    const [, version, encoded] = /^([^,]*),(.*)$/.exec(part) ?? [];
    if (version === undefined || encoded === undefined) throw malformed("webhook-signature");
    if (version !== "v1" && version !== "v1a") return [];
    const bytes = fromBase64(encoded);
    if (bytes === undefined) throw malformed("webhook-signature");
    return [{ isAsymmetric: version === "v1a", bytes }];
  });
}

async function sign(algorithm: "HMAC" | "Ed25519", key: CryptoKey, content: Uint8Array<ArrayBuffer>, encoding: "base64" | "hex"): Promise<string> {
  return Buffer.from(await crypto.subtle.sign(algorithm, key, content)).toString(encoding);
}

function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([Buffer.from(`${id}.${timestamp}.`, "utf8"), body]));
}

function bytesOf(body: Body): Uint8Array<ArrayBuffer> {
  return typeof body === "string" ? new Uint8Array(Buffer.from(body, "utf8")) : new Uint8Array(body);
}

/** Returns the value of a header, whatever the case of its name; one that is there twice is none that was signed. */
function headerOf(headers: HeadersLike, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const values = Object.entries(headers).filter(([key]) => key.toLowerCase() === name).flatMap(([, value]) => value ?? []);
  if (values.length > 1) throw malformed(name);
  return values[0];
}

function malformed(header: string): SynclineError {
  return new SynclineError("WEBHOOK_HEADER_MALFORMED", `the header ${header} does not have its form`);
}

function lacking(header: string): SynclineError {
  return new SynclineError("WEBHOOK_SECRET_LACKING", `there is no secret for the header ${header}`);
}

function wrong(header: string): SynclineError {
  return new SynclineError("WEBHOOK_SIGNATURE_WRONG", `no signature in the header ${header} was made with a known secret`);
}
