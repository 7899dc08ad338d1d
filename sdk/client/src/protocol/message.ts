/** What a client and a hub say to each other (`docs/protocol.md` §3 to §5), in the long form. */

import type { JsonObject, Json, Decimal } from "../json/value.js";
import type { ByPath, Delta, Operation, TextEdit } from "./operation.js";

/** A conflict that waits for a person. */
export interface OpenConflict {
  readonly id: string;
  readonly path: string;
}

/** What was wrong (RFC 9457), with a stable code. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly title?: string;
  readonly status?: number;
  readonly type?: string;
}

/** What became of an operation. */
export type ResultStatus = "applied" | "merged" | "conflict" | "duplicate" | "rejected" | "behind" | "rebase";

/** The hub's answer to one operation. */
export interface Result {
  readonly op: number;
  readonly status: ResultStatus;
  readonly position?: number;
  /** The record's token; short ones have been made whole. */
  readonly version?: string;
  /** Where what is shown differs from what was predicted: fields, or the whole record (`null`: it is not there). */
  readonly set?: ByPath<Json>;
  readonly unset?: readonly string[];
  readonly record?: JsonObject | null;
  readonly conflicts?: readonly string[];
  readonly open?: readonly OpenConflict[];
  readonly problem?: Problem;
}

/** A change of a record, as the hub tells it. */
export interface Change {
  readonly entity: string;
  readonly id: string;
  readonly position: number;
  readonly version: string;
  readonly record?: JsonObject;
  readonly set?: ByPath<Json>;
  readonly unset?: readonly string[];
  readonly text?: ByPath<TextEdit>;
  readonly delta?: ByPath<Delta>;
  readonly gone?: "deleted" | "unscoped";
  readonly by?: string;
  readonly conflicts?: readonly OpenConflict[];
}

/** Stretches of what a client said that it holds which the hub need not tell (§11). */
export interface Same {
  readonly position: number;
  /** Pairs of the first stretch, from 0, and how many. */
  readonly stretches: readonly (readonly [first: number, count: number])[];
}

/** Changes of a view, and how far they reach. */
export interface Page {
  readonly changes: readonly Change[];
  readonly cursor: string;
  readonly more: boolean;
  readonly snapshot?: boolean;
  readonly begins?: boolean;
  readonly same?: Same;
  /** Over HTTP, where the client has said its sum: whether the hub's is the same. Absent: nothing can be said. */
  readonly equal?: boolean;
}

/** What a client follows. */
export interface Follow {
  readonly entities?: readonly string[];
  readonly view?: string;
  readonly params?: JsonObject;
  readonly cursor?: string;
  readonly holds?: true;
}

/** A stretch of records that a client holds: its last record, and the sum of them. */
export type Stretch = readonly [entity: string, id: string, sum: string];

export interface Hello {
  readonly protocol: number;
  readonly client: string;
  readonly views: readonly Follow[];
  readonly accept?: readonly string[];
  readonly window?: number;
}

export interface Welcome {
  readonly protocol: number;
  readonly incarnation: string;
  readonly heartbeat_ms: number;
  readonly window: number;
  readonly limits: { readonly push_operations: number; readonly message_bytes: number };
  readonly accept?: readonly string[];
  readonly backed_up?: number;
  readonly floor?: number;
}

/** What a client says on a live connection. */
export type ClientMessage =
  | { readonly hello: Hello }
  | { readonly push: readonly Operation[] }
  | { readonly ack: { readonly view: number; readonly cursor: string } }
  | { readonly check: { readonly view: number } }
  | { readonly checked: { readonly view: number; readonly equal: boolean } }
  | { readonly holds: { readonly view: number; readonly stretches: readonly Stretch[] } };

/** What a hub says on a live connection. */
export type HubMessage =
  | { readonly welcome: Welcome }
  | { readonly results: readonly Result[]; readonly position: number | Decimal }
  | ({ readonly view: number } & Page)
  | { readonly backed_up: number }
  | { readonly checksum: { readonly view: number; readonly cursor: string; readonly sum: string } }
  | { readonly anew: { readonly view: number } }
  | { readonly problem: Problem };
