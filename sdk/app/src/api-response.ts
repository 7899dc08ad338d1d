/** Answers of an API with the times that spec 004 puts into them. */

/** A time as records have it; `undefined` and `null` for none. */
export type Time = string | number | Date | null | undefined;

/** Version of the envelope. Source: spec 004. */
const VERSION = "1.0";

/** What stands beside the data. */
export interface Metadata {
  /** When the answer was made: ISO 8601 with milliseconds, UTC. */
  readonly timestamp: string;
  readonly version: string;
  /** When the data was last the same as the hub's, where it was told. */
  readonly last_synced_at?: string | null;
  readonly sync_status?: string;
  readonly pagination?: Pagination;
}

/** Data and what stands beside it. */
export interface Envelope<T> {
  readonly data: T;
  readonly metadata: Metadata;
}

/** How data stands to the hub. */
export interface SyncFacts {
  readonly lastSyncedAt?: Time;
  readonly syncStatus?: string | undefined;
}

/** Where a page stands among all. */
export interface Pagination {
  readonly page: number;
  readonly per_page: number;
  readonly total: number;
  readonly total_pages: number;
  readonly has_more: boolean;
}

/** Returns data in its envelope: `{"data":…,"metadata":{"timestamp":…,"version":"1.0"}}`. */
export function withTimestamp<T>(data: T, sync: SyncFacts = {}): Envelope<T> {
  return { data, metadata: metadata(sync) };
}

/** Returns the answer of a route: data in its envelope, as JSON. */
export function createApiResponse(data: unknown, init: (ResponseInit & SyncFacts) | number = {}): Response {
  const { lastSyncedAt, syncStatus, ...rest } = typeof init === "number" ? ({ status: init } as ResponseInit & SyncFacts) : init;
  // Without a value JSON would leave the member out.
  return Response.json(withTimestamp(data === undefined ? null : data, { lastSyncedAt, syncStatus }), rest);
}

/** Returns the answer of a route that lists page by page. Pages are counted from 1. */
export function createPaginatedResponse(
  items: readonly unknown[],
  { page, perPage, total }: { readonly page: number; readonly perPage: number; readonly total: number },
  init: ResponseInit & SyncFacts = {},
): Response {
  const { lastSyncedAt, syncStatus, ...rest } = init;
  const totalPages = Math.ceil(total / perPage);
  const pagination: Pagination = { page, per_page: perPage, total, total_pages: totalPages, has_more: page < totalPages };
  return Response.json({ data: items, metadata: { ...metadata({ lastSyncedAt, syncStatus }), pagination } }, rest);
}

/** Returns a record with `last_updated_at`: the time that is given, else that of its `updatedAt`, or `null` where nobody knows. */
export function addLastUpdatedAt<T extends object>(record: T, updatedAt?: Time): T & { last_updated_at: string | null } {
  return { ...record, last_updated_at: isoOf(updatedAt) ?? timeOf(record, UPDATED) };
}

/** Returns an enrollment with `last_updated_at`, `enrolled_at` and `last_accessed_at`; `null` where it has no such time. */
export function formatEnrollmentWithTimestamps<T extends object>(enrollment: T): T & Record<"last_updated_at" | "enrolled_at" | "last_accessed_at", string | null> {
  return { ...addLastUpdatedAt(enrollment), enrolled_at: timeOf(enrollment, ENROLLED), last_accessed_at: timeOf(enrollment, ACCESSED) };
}

/** Returns a profile with `last_updated_at`. */
export function formatProfileWithTimestamps<T extends object>(profile: T): T & { last_updated_at: string | null } {
  return addLastUpdatedAt(profile);
}

/** Returns progress with `last_updated_at`, `completed_at` and `last_accessed_at`; `null` where it has no such time. */
export function formatProgressWithTimestamps<T extends object>(progress: T): T & Record<"last_updated_at" | "completed_at" | "last_accessed_at", string | null> {
  return { ...addLastUpdatedAt(progress), completed_at: timeOf(progress, COMPLETED), last_accessed_at: timeOf(progress, ACCESSED) };
}

/** Names under which records hold a time, the first that is there counts. */
const UPDATED = ["updatedAt", "updated_at", "last_updated_at", "lastUpdatedAt"];
const ENROLLED = ["enrolledAt", "enrolled_at", "createdAt", "created_at"];
const ACCESSED = ["lastAccessedAt", "last_accessed_at"];
const COMPLETED = ["completedAt", "completed_at"];

function timeOf(record: object, names: readonly string[]): string | null {
  for (const name of names) {
    // Of a class, too, whose times are no members of the object itself.
    const time = isoOf((record as Readonly<Record<string, unknown>>)[name]);
    if (time !== undefined) return time;
  }
  return null;
}

/** Returns a time as ISO 8601, or `undefined` for what is none: an answer does not fail for it. */
function isoOf(time: unknown): string | undefined {
  if (!(typeof time === "string" || typeof time === "number" || time instanceof Date)) return undefined;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function metadata({ lastSyncedAt, syncStatus }: SyncFacts): Metadata {
  return {
    timestamp: new Date().toISOString(),
    version: VERSION,
    ...(lastSyncedAt !== undefined && { last_synced_at: isoOf(lastSyncedAt) ?? null }),
    ...(syncStatus !== undefined && { sync_status: syncStatus }),
  };
}
