/**
 * Verifies a proof that the hub gave, in this page: record → batch → tree → head.
 *
 * The formats are those of `syncline-engine/src/audit`: SHA-256, the tree of RFC 6962, canonical bytes of version 1.
 */

/** What the hub answers at `/v1/audit/proof`. */
export interface ProofDocument {
  readonly entity: string;
  readonly id: string;
  readonly stamp: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly entry: number;
  /** `sha256:<root>@<size>`. */
  readonly head: string;
  readonly proof: {
    readonly salt: string;
    readonly record_index: number;
    readonly record_path: readonly string[];
    readonly leaf: string;
    readonly tree_size: number;
    readonly tree_path: readonly string[];
  } | null;
}

/** What came of it: it holds, or which part does not. */
export type Verdict = "proven" | "noProof" | "recordWrong" | "leafWrong" | "rootWrong";

type Bytes = Uint8Array<ArrayBuffer>;

const COMMITMENT_PREFIX = new TextEncoder().encode("syncline/audit/commitment/1\0");
const LEAF_VERSION = 1;

/** Returns whether the document proves what it says under its own head. */
export async function verifyProof(document: ProofDocument): Promise<Verdict> {
  const { proof, head } = document;
  if (proof === null) return "noProof";
  const [, root, size] = /^sha256:([0-9a-f]{64})@(\d+)$/.exec(head) ?? [];
  if (root === undefined || Number(size) !== proof.tree_size) return "rootWrong";
  const leaf = bytesOf(proof.leaf);
  const facts = leaf === undefined ? undefined : readLeaf(leaf);
  if (leaf === undefined || facts === undefined || facts.index !== BigInt(document.entry)) return "leafWrong";
  const record = recordBytes(document);
  const salt = bytesOf(proof.salt);
  if (record === undefined || salt === undefined) return "recordWrong";
  const commitment = await digest(COMMITMENT_PREFIX, salt, record);
  const inBatch = await leads(await leafHash(commitment), BigInt(proof.record_index), facts.recordCount, proof.record_path);
  if (inBatch !== facts.innerRoot) return "recordWrong";
  const inTree = await leads(await leafHash(leaf), facts.index, BigInt(proof.tree_size), proof.tree_path);
  return inTree === root ? "proven" : "rootWrong";
}

async function digest(...parts: readonly Bytes[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(parts)));
}

/** Returns the hash of a leaf with this content. */
export function leafHash(content: Bytes): Promise<Bytes> {
  return digest(Uint8Array.of(0), content);
}

/** Returns the root to which a path leads from a leaf, in hexadecimal; `undefined` if it is no path of that tree (RFC 9162, 2.1.3.2). */
export async function leads(leaf: Bytes, index: bigint, size: bigint, path: readonly string[]): Promise<string | undefined> {
  if (index >= size) return undefined;
  let [node, last, hash] = [index, size - 1n, leaf];
  for (const text of path) {
    const other = bytesOf(text);
    if (other === undefined || last === 0n) return undefined;
    if ((node & 1n) === 1n || node === last) {
      hash = await digest(Uint8Array.of(1), other, hash);
      while ((node & 1n) === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
    } else hash = await digest(Uint8Array.of(1), hash, other);
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n ? hexOf(hash) : undefined;
}

interface LeafFacts {
  readonly index: bigint;
  readonly recordCount: bigint;
  readonly innerRoot: string;
}

/** Reads the leaf of a batch; `undefined` where it is none. */
function readLeaf(bytes: Bytes): LeafFacts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const skip = (count: number): number => {
    const start = at;
    at += count;
    if (at > bytes.length) throw new RangeError("too short");
    return start;
  };
  const number = (): bigint => view.getBigUint64(skip(8));
  const text = (): number => skip(view.getUint32(skip(4)));
  try {
    if (bytes[skip(1)] !== LEAF_VERSION) return undefined;
    const index = number();
    // When, category, action, origin, run.
    number();
    for (let texts = 0; texts < 3; texts += 1) text();
    if (bytes[skip(1)] === 1) text();
    const recordCount = number();
    const innerRoot = skip(32);
    // Commitments to the actor and the details.
    skip(64);
    return at === bytes.length ? { index, recordCount, innerRoot: hexOf(bytes.subarray(innerRoot, innerRoot + 32)) } : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the canonical bytes of what is said of the record. */
function recordBytes({ entity, id, stamp, before, after }: ProofDocument): Bytes | undefined {
  const blob = (bytes: Bytes): readonly Bytes[] => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [length, bytes];
  };
  const hash = (text: string | null): readonly Bytes[] | undefined => {
    if (text === null) return [Uint8Array.of(0)];
    const bytes = bytesOf(text);
    return bytes === undefined ? undefined : [Uint8Array.of(1), bytes];
  };
  const [stampBytes, beforeBytes, afterBytes] = [bytesOf(stamp), hash(before), hash(after)];
  if (stampBytes === undefined || beforeBytes === undefined || afterBytes === undefined) return undefined;
  const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
  return joined([Uint8Array.of(1, 0x72), ...blob(utf8(entity)), ...blob(utf8(id)), ...blob(stampBytes), ...beforeBytes, ...afterBytes]);
}

function joined(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads hexadecimal digits; `undefined` where they are none. */
export function bytesOf(hex: string): Bytes | undefined {
  if (!/^([0-9a-f]{2})*$/.test(hex)) return undefined;
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function hexOf(bytes: Bytes): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
