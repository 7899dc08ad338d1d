/**
 * For applications on a server: events to a hub, answers with times, webhooks signed and verified; spec 004's functions by name.
 *
 * | You want | Read |
 * |---|---|
 * | to emit events and to wait for their delivery | `sync-service.ts` |
 * | to know how that goes | `sync-monitor.ts` |
 * | answers with the times of spec 004 | `api-response.ts` |
 * | to sign or verify a webhook | `webhook.ts`, `secret.ts` |
 * | what is asked of the hub | `hub.ts` |
 */

export * from "./api-response.js";
export { SynclineError } from "./error.js";
export * from "./sync-monitor.js";
export * from "./sync-service.js";
export * from "./webhook.js";
