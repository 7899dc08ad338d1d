import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  addLastUpdatedAt,
  createApiResponse,
  createPaginatedResponse,
  formatEnrollmentWithTimestamps,
  formatProfileWithTimestamps,
  formatProgressWithTimestamps,
  withTimestamp,
} from "../src/api-response.js";

const NOW = "2024-01-31T12:00:00.000Z";

beforeEach(() => vi.useFakeTimers({ now: Date.parse(NOW) }));
afterEach(() => vi.useRealTimers());

test("an answer has the bytes of spec 004", async () => {
  const at = new Date(NOW);
  const enrollment = { id: "enrollment-123", status: "active" };
  const record = Object.defineProperties({ ...enrollment }, { updatedAt: { value: at }, enrolledAt: { value: at }, lastAccessedAt: { value: at } });
  const response = createApiResponse({ success: true, enrollment: formatEnrollmentWithTimestamps(record) });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await response.text()).toBe(
    '{"data":{"success":true,"enrollment":{"id":"enrollment-123","status":"active",' +
      '"last_updated_at":"2024-01-31T12:00:00.000Z","enrolled_at":"2024-01-31T12:00:00.000Z","last_accessed_at":"2024-01-31T12:00:00.000Z"}},' +
      '"metadata":{"timestamp":"2024-01-31T12:00:00.000Z","version":"1.0"}}',
  );
});

test("status and headers are the route's own, and nothing is null", async () => {
  const made = createApiResponse({ id: 1 }, { status: 201, headers: { location: "/api/enrollments/1" } });
  expect([made.status, made.headers.get("location"), await made.json()]).toEqual([201, "/api/enrollments/1", { data: { id: 1 }, metadata: { timestamp: NOW, version: "1.0" } }]);
  expect(createApiResponse({}, 404).status).toBe(404);
  expect(await createApiResponse(undefined).text()).toBe(`{"data":null,"metadata":{"timestamp":"${NOW}","version":"1.0"}}`);
});

test("how data stands to the hub is told beside it, where it is known", () => {
  expect(withTimestamp([1])).toEqual({ data: [1], metadata: { timestamp: NOW, version: "1.0" } });
  expect(withTimestamp([], { lastSyncedAt: 0, syncStatus: "synced" }).metadata).toEqual({ timestamp: NOW, version: "1.0", last_synced_at: "1970-01-01T00:00:00.000Z", sync_status: "synced" });
  expect(withTimestamp([], { lastSyncedAt: null }).metadata.last_synced_at).toBeNull();
});

test("a page says where it stands", async () => {
  const pages = [
    [{ page: 1, perPage: 2, total: 5 }, { page: 1, per_page: 2, total: 5, total_pages: 3, has_more: true }],
    [{ page: 3, perPage: 2, total: 5 }, { page: 3, per_page: 2, total: 5, total_pages: 3, has_more: false }],
    [{ page: 1, perPage: 2, total: 0 }, { page: 1, per_page: 2, total: 0, total_pages: 0, has_more: false }],
  ] as const;
  for (const [where, pagination] of pages) {
    const response = createPaginatedResponse(["a"], where);
    expect(await response.json()).toEqual({ data: ["a"], metadata: { timestamp: NOW, version: "1.0", pagination } });
  }
});

test("a time is taken from any of the names that records give it; one that nobody knows is null and never now", () => {
  expect(addLastUpdatedAt({ id: 1 })).toEqual({ id: 1, last_updated_at: null });
  expect(addLastUpdatedAt({ updated_at: "2024-01-01T00:00:00Z" }).last_updated_at).toBe("2024-01-01T00:00:00.000Z");
  expect(addLastUpdatedAt({ updatedAt: new Date(0) }, 1_000).last_updated_at).toBe("1970-01-01T00:00:01.000Z");
  expect(addLastUpdatedAt({ updatedAt: "soon", updated_at: 0 }).last_updated_at).toBe("1970-01-01T00:00:00.000Z");
  expect(addLastUpdatedAt({ updatedAt: new Date(NaN) }).last_updated_at).toBeNull();
  expect(formatEnrollmentWithTimestamps({ createdAt: 0 })).toEqual({ createdAt: 0, last_updated_at: null, enrolled_at: "1970-01-01T00:00:00.000Z", last_accessed_at: null });
  expect(formatProfileWithTimestamps({ name: "Mara", updatedAt: 0 })).toEqual({ name: "Mara", updatedAt: 0, last_updated_at: "1970-01-01T00:00:00.000Z" });
  expect(formatProgressWithTimestamps({ completedAt: 0, last_accessed_at: 0 })).toEqual({
    completedAt: 0,
    last_updated_at: null,
    completed_at: "1970-01-01T00:00:00.000Z",
    last_accessed_at: "1970-01-01T00:00:00.000Z",
  });
  class Row {
    get updatedAt(): Date {
      return new Date(0);
    }
  }
  expect(addLastUpdatedAt(new Row()).last_updated_at).toBe("1970-01-01T00:00:00.000Z");
  // Names of other people's making are data like any other.
  const odd = JSON.parse('{"__proto__":{"updatedAt":0}}') as object;
  expect(addLastUpdatedAt(odd)).toEqual({ ["__proto__"]: { updatedAt: 0 }, last_updated_at: null });
});
