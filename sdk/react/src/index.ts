/** Hooks over a client of `@syncline/client`: what is shown stays up to date, and edits say how they fare. */

export { useConflict, type ConflictDesk } from "./conflict.js";
export { useConflicts, useQuery, useRecord } from "./live.js";
export { useMutation, type Mutation } from "./mutation.js";
export type { ClientSource } from "./opening.js";
export { SynclineProvider, useClient } from "./provider.js";
export { useSyncStatus } from "./status.js";
