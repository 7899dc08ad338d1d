/**
 * What an app calls. `client.ts` is behind it.
 *
 * Reads are answered at once, from memory; edits are shown at once and their promise is kept once they are durable on the
 * device. What the hub made of an edit is `settled`.
 */

import type { Decimal, Json, JsonObject } from "./json/value.js";
import type { OpenConflict } from "./protocol/message.js";
import type { TextEdit } from "./protocol/operation.js";
import type { SocketClass } from "./connection/socket.js";
import type { OpenStorage } from "./storage/storage.js";

/** When edits are sent, and whether the client stays connected. */
export type Strategy =
  | { readonly kind: "immediate" }
  /** Connected; edits are sent once so many wait, or the oldest has waited so long. */
  | { readonly kind: "batch"; readonly operations: number; readonly withinMs: number }
  /** Connects every so often, sends and fetches all there is, and leaves. */
  | { readonly kind: "scheduled"; readonly everyMs: number }
  /** Connects when `sync()` is called, sends and fetches all there is, and leaves. */
  | { readonly kind: "event-driven" };

/** How a client is opened. */
export interface Options {
  /** Names what is kept on this device: one name, one set of records and one queue, shared by all tabs. */
  readonly name: string;
  /** The hub's address without `/v1`; without one edits wait. */
  readonly url?: string;
  /** The access token, or what fetches one: it is asked again when the hub refuses the last. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  /** The hub knows the client by this word and a random one. */
  readonly device?: string;
  /** Follows these types of record only. */
  readonly entities?: readonly string[];
  /** Follows views that the hub was configured with. */
  readonly views?: readonly { readonly view: string; readonly params?: JsonObject }[];
  readonly strategy?: Strategy;
  /** Where things are kept: IndexedDB where there is one. */
  readonly storage?: OpenStorage;
  /** What opens WebSockets where the platform has none, as the package `ws` does for Node below 22. */
  readonly socket?: SocketClass;
  /** How the hub is reached, in the order in which ways are tried. */
  readonly transports?: readonly ("websocket" | "events" | "poll")[];
}

/** A record as it is shown: what the hub has confirmed, with the edits that wait. */
export interface Shown<T extends JsonObject = JsonObject> {
  readonly entity: string;
  readonly id: string;
  readonly value: T;
  /** Whether edits of it wait for the hub. */
  readonly pending: boolean;
  /** Conflicts that wait for a person. */
  readonly conflicts: readonly OpenConflict[];
}

/** Writes an edit of one record. Paths are JSON pointers, as `/title`. */
export interface Edit {
  set(path: string, value: Json): this;
  unset(path: string): this;
  increment(path: string, by?: number | Decimal): this;
  resetSum(path: string): this;
  addToSet(path: string, ...elements: Json[]): this;
  removeFromSet(path: string, ...elements: Json[]): this;
  append(path: string, ...elements: Json[]): this;
  /** Begins a text anew. */
  beginText(path: string, text: string): this;
  /** Edits the text that is shown: `[5, "x", -3, 2]` keeps five characters, puts one in, drops three, keeps two. */
  editText(path: string, edit: TextEdit): this;
  /** Puts a string in before the character with this number. */
  insertText(path: string, at: number, text: string): this;
  deleteText(path: string, at: number, length: number): this;
  /** Makes the text that is shown into this one, as the smallest edit. */
  changeText(path: string, text: string): this;
  /** Writes into the member of a keyed array. */
  member(path: string, key: string, write: (member: Edit) => void, facts?: { create?: boolean }): this;
  removeMember(path: string, ...keys: string[]): this;
  /** Deletes the record; nothing else may stand beside it. */
  delete(): this;
}

/** How an edit is sent. */
export interface EditFacts {
  /** `urgent` does not wait for company, and takes along what waits. */
  readonly priority?: "normal" | "urgent";
}

/** An edit that is durable on the device. */
export interface Edited {
  /** Counters of its operations. */
  readonly operations: readonly number[];
}

/** What the hub made of an edit. */
export type Fate =
  /** Applied, alone or merged; `version` is the token of the record with it: reads can wait for that. */
  | { readonly status: "applied"; readonly version: string | undefined }
  | { readonly status: "conflict"; readonly version: string | undefined; readonly conflicts: readonly string[] }
  /** Taken back; it waits in the quarantine. */
  | { readonly status: "refused"; readonly refusal: Refusal };

/** Why an operation was set aside. */
export interface Refusal {
  readonly code: string;
  readonly detail: string;
}

/** An operation that was refused and waits for the app. */
export interface Refused {
  readonly operation: number;
  readonly entity: string;
  readonly id: string;
  readonly refusal: Refusal;
}

/** Several operations, on one record or several; each is sent after the one before it, and what comes after a refused one is taken back with it. */
export interface Transaction {
  edit(entity: string, id: string, write: (edit: Edit) => void): this;
  delete(entity: string, id: string): this;
}

/** What compares a field: a value for equality, or bounds. */
export type Condition =
  | Json
  | { readonly lt?: Json; readonly lte?: Json; readonly gt?: Json; readonly gte?: Json; readonly ne?: Json; readonly in?: readonly Json[]; readonly has?: Json };

/** Which records, and in which order. */
export interface Query {
  readonly entity: string;
  /** This record only. */
  readonly id?: string;
  /** Conditions by path, all of which hold; or a function of the record. */
  readonly where?: Readonly<Record<string, Condition>> | ((value: JsonObject) => boolean);
  /** Paths, rising; with `-` in front falling, as `-/created`. Ties are in the order of ids. */
  readonly sort?: readonly string[];
  readonly limit?: number;
  readonly offset?: number;
}

/** What has changed of a live query. */
export interface Delta {
  /** All records in order, as they are now. */
  readonly records: readonly Shown[];
  readonly added: readonly Shown[];
  readonly changed: readonly Shown[];
  readonly removed: readonly string[];
}

/** A query that stays up to date. `records()` answers the same array until something changes. */
export interface LiveQuery {
  records(): readonly Shown[];
  subscribe(listener: (delta: Delta) => void): () => void;
}

/** How a client stands. It is the same object until something changes. */
export interface Status {
  readonly network: "offline" | "connecting" | "online" | "up-to-date";
  /** The way the hub is reached. */
  readonly transport: "websocket" | "events" | "poll" | undefined;
  /** Whether this tab holds the connection. */
  readonly isLeader: boolean;
  /** Whether the hub accepts the access token no more. Nothing is lost: operations wait. */
  readonly isUnauthorised: boolean;
  /** How many operations wait for the hub, were refused, are kept for a restored hub. */
  readonly pending: number;
  readonly quarantined: number;
  readonly kept: number;
  /** How often the records were not what the hub shows, and were read anew. */
  readonly repairs: number;
  /** When everything was last known to be taken in, in milliseconds since the epoch. */
  readonly upToDateAt: number | undefined;
  /** Whether what is kept survives the page: not in memory, nor where the browser may evict it. */
  readonly durability: "persistent" | "best-effort" | "memory";
}

/** What a client tells of its own accord. */
export type Notice =
  | { readonly kind: "refused"; readonly refused: Refused }
  | { readonly kind: "conflict"; readonly entity: string; readonly id: string; readonly conflicts: readonly string[] }
  | { readonly kind: "unauthorised" }
  | { readonly kind: "problem"; readonly code: string; readonly detail: string };

/** One way out of a conflict. */
export type Decision = "mine" | "theirs" | "later" | { readonly edit: Json };

/** A conflict with everything that a person needs to decide it. */
export interface ConflictDetail {
  readonly id: string;
  readonly entity: string;
  readonly record: string;
  readonly path: string;
  /** What is shown now. */
  readonly shown: Json | undefined;
  /** What the hub says of it. */
  readonly detail: JsonObject;
}

/** An offline-first client of a hub. */
export interface Client {
  /** The name by which the hub knows it. */
  readonly id: string;

  get<T extends JsonObject = JsonObject>(entity: string, id: string): Shown<T> | undefined;
  query<T extends JsonObject = JsonObject>(query: Query): readonly Shown<T>[];
  live(query: Query): LiveQuery;

  /** Edits a record, and makes it where there is none. Shown at once; the promise is kept once it is durable. */
  edit(entity: string, id: string, write: (edit: Edit) => void, facts?: EditFacts): Promise<Edited>;
  delete(entity: string, id: string, facts?: EditFacts): Promise<Edited>;
  transaction(write: (transaction: Transaction) => void, facts?: EditFacts): Promise<Edited>;
  /** Waits for what the hub makes of an edit. */
  settled(edited: Edited, timeoutMs?: number): Promise<Fate>;

  status(): Status;
  onStatus(listener: (status: Status) => void): () => void;
  /** The first who listens is told what came before, too. */
  onNotice(listener: (notice: Notice) => void): () => void;

  /** Records with conflicts that wait for a person: the same array until one of them changes. */
  conflicts(): readonly Shown[];
  /** Calls when `conflicts()` answers another array. */
  onConflicts(listener: (records: readonly Shown[]) => void): () => void;
  conflict(id: string): Promise<ConflictDetail>;
  decide(id: string, decision: Decision): Promise<void>;

  quarantine(): readonly Refused[];
  /** Makes a refused operation anew for what is shown now. */
  retry(operation: number): Promise<Edited>;
  discard(operation: number): Promise<void>;

  /** Sends and fetches all there is; kept once that is done. */
  sync(timeoutMs?: number): Promise<void>;
  /** Has the client be offline, or connected as its strategy says. */
  setOnline(isOnline: boolean): void;
  /** Has the client send, and stay connected, in another way from now on. It is not kept. */
  setStrategy(strategy: Strategy): void;
  /** Removes everything that is kept on this device, in all tabs: what was not sent is lost. The client is closed. */
  logout(): Promise<void>;
  close(): Promise<void>;
}
