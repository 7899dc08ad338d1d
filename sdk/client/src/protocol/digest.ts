/** SHA-256 of texts, at once: the platform's own answers later, when what is compared may have changed. */

const roots = (exponent: number): readonly number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < 64; n++) {
    let divisor = 2;
    while (n % divisor) divisor++;
    // The first 32 bits behind the point.
    if (divisor === n) found.push((n ** exponent * 2 ** 32) | 0);
  }
  return found;
};
/** First bits of the square and cube roots of the first primes (FIPS 180-4 §4.2.2 and §5.3.3). */
const START = roots(1 / 2).slice(0, 8);
const ROUNDS = Int32Array.from(roots(1 / 3));

/** Longest room for a text that is kept for the next one, in bytes. */
const BYTES_KEPT_MAX = 1 << 16;

const encoder = new TextEncoder();
const words = new Int32Array(64);
const state = new Int32Array(8);
const mixed = new Int32Array(8);
let bytes = new DataView(new ArrayBuffer(1 << 10));

/**
 * Returns the first bytes of the SHA-256 of a text's UTF-8, as hexadecimal digits, eight for a word of four bytes.
 *
 * @see FIPS 180-4 §6.2
 */
export function digestOf(text: string, wordCount: number): string {
  // A unit takes three bytes at most, what is behind the text less than two blocks.
  const bytesMax = text.length * 3 + 128;
  if (bytes.byteLength < bytesMax) bytes = new DataView(new ArrayBuffer(bytesMax));
  const all = new Uint8Array(bytes.buffer);
  const { written } = encoder.encodeInto(text, all);
  const end = ((written + 72) >> 6) << 6;
  all.fill(0, written, end);
  all[written] = 0x80;
  // The length in bits: no text here has 512 MiB, beyond which it would take more than four bytes.
  bytes.setUint32(end - 4, written << 3);
  state.set(START);
  for (let block = 0; block < end; block += 64) addBlock(block);
  // One large text does not keep its memory.
  if (bytesMax > BYTES_KEPT_MAX) bytes = new DataView(new ArrayBuffer(0));
  let digits = "";
  for (let at = 0; at < wordCount; at++) digits += ((state[at] as number) >>> 0).toString(16).padStart(8, "0");
  return digits;
}

function addBlock(block: number): void {
  for (let at = 0; at < 16; at++) words[at] = bytes.getInt32(block + at * 4);
  for (let at = 16; at < 64; at++) {
    const x = words[at - 15] as number;
    const y = words[at - 2] as number;
    const small = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
    words[at] = (words[at - 16] as number) + small + (words[at - 7] as number) + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
  }
  mixed.set(state);
  for (let at = 0; at < 64; at++) {
    // The words that the standard calls a to h turn by one place with every round.
    const a = mixed[-at & 7] as number;
    const b = mixed[(1 - at) & 7] as number;
    const c = mixed[(2 - at) & 7] as number;
    const e = mixed[(4 - at) & 7] as number;
    const chosen = (e & (mixed[(5 - at) & 7] as number)) ^ (~e & (mixed[(6 - at) & 7] as number));
    const first = (mixed[(7 - at) & 7] as number) + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + (ROUNDS[at] as number) + (words[at] as number);
    mixed[(3 - at) & 7] = (mixed[(3 - at) & 7] as number) + first;
    mixed[(7 - at) & 7] = first + (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
  }
  for (let at = 0; at < 8; at++) state[at] = (state[at] as number) + (mixed[at] as number);
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
