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
let bytes = new Uint8Array(1 << 10);

/**
 * Returns the first bytes of the SHA-256 of a text's UTF-8, as hexadecimal digits, eight for a word of four bytes.
 *
 * @see FIPS 180-4 §6.2
 */
export function digestOf(text: string, wordCount: number): string {
  // A unit takes three bytes at most, what is behind the text less than two blocks.
  const bytesMax = text.length * 3 + 128;
  if (bytes.length < bytesMax) bytes = new Uint8Array(bytesMax);
  const { written } = encoder.encodeInto(text, bytes);
  const end = ((written + 72) >> 6) << 6;
  bytes.fill(0, written, end);
  bytes[written] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(end - 8, written / 2 ** 29);
  view.setUint32(end - 4, written << 3);
  const state = Int32Array.from(START);
  for (let block = 0; block < end; block += 64) addBlock(state, view, block);
  // One large text does not keep its memory.
  if (bytesMax > BYTES_KEPT_MAX) bytes = new Uint8Array(0);
  return Array.from(state.subarray(0, wordCount), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function addBlock(state: Int32Array, view: DataView, block: number): void {
  for (let at = 0; at < 64; at++) {
    if (at < 16) {
      words[at] = view.getInt32(block + at * 4);
    } else {
      const [x, y] = [words[at - 15] as number, words[at - 2] as number];
      const small = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      words[at] = (words[at - 16] as number) + small + (words[at - 7] as number) + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
    }
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let at = 0; at < 64; at++) {
    const first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + (ROUNDS[at] as number) + (words[at] as number);
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((sum, at) => (state[at] = (state[at] as number) + sum));
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
