/** What a client reads in a cursor (`docs/protocol.md` §4). It makes none but `<incarnation>:<position>`. */

/** Where a cursor stands. */
export interface Place {
  /** The hub's incarnation, as 32 hexadecimal digits. */
  readonly incarnation: string;
  /** The position in the log; of a snapshot where it began. */
  readonly position: number;
  readonly isWithinSnapshot: boolean;
}

/** Returns where a cursor stands; `undefined` if that cannot be read. */
export function placeOf(cursor: string): Place | undefined {
  const spelt = /^([\da-f]{1,32}):(\d{1,19})$/.exec(cursor);
  if (spelt) return place(spelt[1] ?? "", Number(spelt[2]), false);
  const [, log = "", snapshot] = /^([\w-]+)(\.[\w~-]+?)?(~[\w-]*)?$/.exec(cursor) ?? [];
  const bytes = decode(log);
  // A version, the incarnation, how many partitions, and behind them four bytes of a checksum.
  const [version, partitions, partition] = [bytes[0], bytes[17], bytes[18]];
  const numbers = bytes.slice(19, -4);
  // A hub that clients speak to has one partition, of the number 0; before its first change there is none.
  const isOfClients = version === 1 && (partitions === 0 ? bytes.length === 22 : partitions === 1 && partition === 0 && numbers.length > 0);
  // Seven bits in each byte, the lowest first; the last one has no eighth.
  const isOneNumber = numbers.every((byte, at) => byte < 128 === (at === numbers.length - 1));
  const position = numbers.reduceRight((sum, byte) => sum * 128 + (byte & 127), 0);
  if (!isOfClients || !isOneNumber) return undefined;
  return place(bytes.slice(1, 17).map((byte) => byte.toString(16).padStart(2, "0")).join(""), position, snapshot !== undefined);
}

function place(incarnation: string, position: number, isWithinSnapshot: boolean): Place | undefined {
  return Number.isSafeInteger(position) ? { incarnation: incarnation.padStart(32, "0"), position, isWithinSnapshot } : undefined;
}

/** Decodes base64url without padding; nothing comes of what is none. */
function decode(text: string): readonly number[] {
  try {
    return [...atob(text.replaceAll("-", "+").replaceAll("_", "/"))].map((character) => character.charCodeAt(0));
  } catch {
    return [];
  }
}
