/** What a client asks of a hub (`docs/protocol.md` §3). */

import type { Decimal, Json } from "../json/value.js";

/** Members of an object by path, a JSON pointer. */
export type ByPath<T> = Readonly<Record<string, T>>;

/** Which text an edit was made for: the digest of its UTF-8. */
export interface MadeFor {
  readonly of: string;
}

/**
 * An edit of a text: keeps (positive number) and drops (negative number) so many characters, Unicode scalar values, and puts
 * strings in. It runs over the whole text and may begin with which one.
 */
export type TextEdit = readonly (number | string | MadeFor)[];

/** A large text as it differs from another one; this client passes them on and makes none. */
export type Delta = readonly [kind: number, bytes: number, digest: string, frame: string];

/** What an operation does to a record or to a member of a keyed array. Parts are carried out in this order. */
export interface Writes {
  readonly set?: ByPath<Json>;
  readonly unset?: readonly string[];
  readonly inc?: ByPath<number | Decimal>;
  readonly reset?: readonly string[];
  readonly add?: ByPath<readonly Json[]>;
  readonly remove?: ByPath<readonly Json[]>;
  readonly append?: ByPath<readonly Json[]>;
  readonly begin?: ByPath<string>;
  readonly text?: ByPath<TextEdit>;
  readonly delta?: ByPath<Delta>;
  readonly put?: ByPath<Readonly<Record<string, PutMember>>>;
  readonly drop?: ByPath<readonly string[]>;
}

/** What is written into a member of a keyed array; its paths are relative to the member. */
export interface PutMember extends Writes {
  readonly create?: true;
}

/** What an operation does: writes, or the record's deletion. */
export interface Effect extends Writes {
  readonly delete?: true;
}

/** An operation, in the long form of the protocol. */
export interface Operation extends Effect {
  /** The counter: rising by one client, never used again. */
  readonly op: number;
  readonly entity: string;
  readonly id: string;
  /** The token of the record as the client held it; absent if it held none. */
  readonly base?: string;
  /** Counters that must have been applied before. */
  readonly after?: readonly number[];
  /** When, by the client's clock: RFC 3339 in UTC with milliseconds. */
  readonly at: string;
}
