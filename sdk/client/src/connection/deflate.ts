/** Messages that are compressed by `deflate`: a byte that names the coding, then the body (`docs/protocol.md` §5). */

import { SynclineError } from "../error.js";
import { ANSWER_BYTES_MAX } from "../protocol/limits.js";

/** The byte. */
const DEFLATE = 4;
/** What a message may grow to whatever its size, in bytes, and how many times its size otherwise. */
const FREE_BYTES = 64 << 10;
const RATIO_MAX = 250;

/** Returns the codings that this platform reads and writes: raw deflate came to browsers in 2023. */
export function codings(): readonly string[] {
  try {
    return new DecompressionStream("deflate-raw") ? ["deflate"] : [];
  } catch {
    return [];
  }
}

/** Returns the text of a compressed message; throws where there is none, or where it grows too large. */
export async function inflate(message: Uint8Array<ArrayBuffer>): Promise<string> {
  const bytesMax = Math.min(Math.max(message.length * RATIO_MAX, FREE_BYTES), ANSWER_BYTES_MAX);
  const grown = new Blob([message.subarray(1)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = grown.getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (message[0] !== DEFLATE || bytes > bytesMax) {
      await reader.cancel();
      throw new SynclineError("MESSAGE_TOO_LARGE", "a message of another coding, or one that grows too large");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Returns a compressed message; the text where no reader would take it. */
export async function deflate(text: string): Promise<Uint8Array<ArrayBuffer> | string> {
  const written = new Blob([text]);
  const body = await new Response(written.stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer();
  const message = new Uint8Array(body.byteLength + 1);
  if (written.size > Math.max(message.length * RATIO_MAX, FREE_BYTES)) return text;
  message[0] = DEFLATE;
  message.set(new Uint8Array(body), 1);
  return message;
}
