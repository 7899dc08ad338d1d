/**
 * Local-first data: records on the device, edits offline, kept the same as those of a hub.
 *
 * It never merges: the hub does (`docs/protocol.md`). `open` is where to begin; `api.ts` names everything that an app calls.
 */

export type * from "./api.js";
export { SynclineError } from "./error.js";
export { Decimal, type Json, type JsonObject } from "./json/value.js";
export { open } from "./client.js";
export { indexeddb } from "./storage/indexeddb.js";
export type { OpenConflict } from "./protocol/message.js";
export type { TextEdit } from "./protocol/operation.js";
export type { Batch, OpenStorage, Storage, Table } from "./storage/storage.js";
