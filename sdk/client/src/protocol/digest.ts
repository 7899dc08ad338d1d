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
const ROUNDS = roots(1 / 3);

const encoder = new TextEncoder();
const words = new Int32Array(64);

/**
 * Returns the first bytes of the SHA-256 of a text's UTF-8, as hexadecimal digits, eight for a word of four bytes.
 *
 * @see FIPS 180-4 §6.2
 */
export function digestOf(text: string, wordCount: number): string {
  const bytes = encoder.encode(text);
  const padded = new DataView(new ArrayBuffer(((bytes.length + 72) >> 6) << 6));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setUint32(padded.byteLength - 8, Math.floor(bytes.length / 2 ** 29));
  padded.setUint32(padded.byteLength - 4, bytes.length << 3);
  const state = Int32Array.from(START);
  for (let block = 0; block < padded.byteLength; block += 64) addBlock(state, padded, block);
  return Array.from(state.subarray(0, wordCount), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function addBlock(state: Int32Array, bytes: DataView, block: number): void {
  const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
  const word = (at: number): number => words[at] as number;
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let at = 0; at < 64; at++) {
    if (at < 16) {
      words[at] = bytes.getInt32(block + at * 4);
    } else {
      const [x, y] = [word(at - 15), word(at - 2)];
      const small = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      words[at] = word(at - 16) + small + word(at - 7) + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
    }
    const first =
      h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + (ROUNDS[at] as number) + word(at);
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((sum, at) => (state[at] = (state[at] as number) + sum));
}
