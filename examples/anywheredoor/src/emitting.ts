/** Changes that go into the hub's log together with the event that tells of them. */

import { type Emitted, type RecordChange, SyncMonitor, SyncService } from "@syncline/app";
import type { Held } from "./records.js";

/** How long an answer waits until everybody has been told, in milliseconds; the hub goes on with it all the same. */
const DELIVERED_MS_MAX = 2_000;

/** Returns the change that makes a record what it shall be, coming after what was read. */
export function changeTo(held: Held | undefined, record: Readonly<Record<string, unknown>>): RecordChange {
  const changed = Object.entries(record).filter(([name, value]) => held?.record[name] !== value);
  return { base: held?.version, set: Object.fromEntries(changed.map(([name, value]) => [`/${name}`, value])) };
}

/** Emits, and notes for `SyncMonitor` how that went. */
export async function noted(type: string, resourceType: string, resourceId: string, emit: () => Promise<Emitted>): Promise<Emitted> {
  try {
    const emitted = await emit();
    SyncMonitor.logRecovery(resourceType, resourceId);
    return emitted;
  } catch (error) {
    SyncMonitor.logFailure({ type, resourceType, resourceId, error });
    throw error;
  }
}

/** How an enrollment that was emitted stands to those who are told. */
export interface Synced {
  readonly syncStatus: "synced" | "pending";
  readonly lastSyncedAt: Date | null;
}

/** Waits a moment until everybody has been told of an enrollment. It is safe whatever comes of that. */
export async function syncedNow(enrollmentId: string): Promise<Synced> {
  const now = await SyncService.syncEnrollmentNow(enrollmentId, { timeoutMs: DELIVERED_MS_MAX }).catch(() => undefined);
  return now?.isDelivered === true ? { syncStatus: "synced", lastSyncedAt: new Date() } : { syncStatus: "pending", lastSyncedAt: null };
}
