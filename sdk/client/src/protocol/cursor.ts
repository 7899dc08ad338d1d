/** What a client reads in a cursor (`docs/protocol.md` §4). It makes none but `<incarnation>:<position>`. */

/** Where a cursor stands. */
export interface Place {
  /** The hub's incarnation, as 32 hexadecimal digits. */
  readonly incarnation: string;
  /** The position in the log; of a snapshot where it began. */
  readonly position: number;
  readonly isWithinSnapshot: boolean;
}

/** Version, incarnation, count of partitions and the checksum, in bytes. */
const LOG_BYTES_MIN = 1 + 16 + 1 + 4;

/** Returns where a cursor stands; `undefined` if that cannot be read. */
export function placeOf(cursor: string): Place | undefined {
  const spelt = /^([\da-f]{1,32}):(\d{1,19})$/.exec(cursor);
  if (spelt) return place(spelt[1] ?? "", Number(spelt[2]), false);
  const [, log = "", snapshot] = /^([\w-]+)(\.[\w~-]+?)?(~[\w-]*)?$/.exec(cursor) ?? [];
  const bytes = decode(log);
  if (!bytes || bytes.length < LOG_BYTES_MIN || bytes[0] !== 1) return undefined;
  let at = 17;
  const end = bytes.length - 4;
  /** Seven bits in each byte, the lowest first. */
  const next = (): number => {
    let number = 0;
    for (let scale = 1; at < end; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      number += (byte & 127) * scale;
      if (byte < 128) return number;
    }
    return NaN;
  };
  const partitions = next();
  // A hub that clients speak to has one partition; before its first change there is none.
  if (partitions > 1 || (partitions === 1 && next() !== 0)) return undefined;
  const position = partitions ? next() : 0;
  const digits = Array.from(bytes.subarray(1, 17), (byte) => byte.toString(16).padStart(2, "0"));
  return at === end ? place(digits.join(""), position, snapshot !== undefined) : undefined;
}

function place(incarnation: string, position: number, isWithinSnapshot: boolean): Place | undefined {
  return Number.isSafeInteger(position) ? { incarnation: incarnation.padStart(32, "0"), position, isWithinSnapshot } : undefined;
}

/** Decodes base64url without padding. */
function decode(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
