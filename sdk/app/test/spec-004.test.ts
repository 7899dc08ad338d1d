/** The examples of spec 004, word for word but for what stands around them. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SyncEventType, SyncService } from "@/lib/sync-service";
import { SyncMonitor } from "@/lib/sync-monitor";
import { createApiResponse, formatEnrollmentWithTimestamps } from "@/lib/api-response";
import { startStandInHub, type StandInHub } from "./stand-in-hub.js";

let hub: StandInHub;
const names = { SYNCLINE_URL: "", SYNCLINE_TOKEN: "t0ken", CRON_SECRET: "your-cron-secret-here" };

beforeEach(async () => {
  hub = await startStandInHub();
  for (const [name, value] of Object.entries({ ...names, SYNCLINE_URL: hub.url })) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

test("events are emitted and synchronised at once as the examples do it, with nothing but the environment set", async () => {
  const [enrollmentId, userId, courseId] = ["enrollment-123", "user-123", "course-7"];
  const [enrollmentData, profileData, progressData] = [{ status: "active" }, { name: "Mara" }, { percent: 40 }];
  hub.always("/deliveries", () => ({ status: 200, body: { deliveries: [{ endpoint: "admin", state: "delivered", attempts: 1 }] } }));

  // Emit enrollment event
  await SyncService.emitEnrollmentEvent(
    SyncEventType.ENROLLMENT_CREATED,
    enrollmentId,
    enrollmentData
  )

  // Emit profile event
  await SyncService.emitProfileEvent(userId, profileData)

  // Emit progress event
  await SyncService.emitProgressEvent(userId, courseId, progressData)

  // Sync enrollment immediately (blocking)
  await SyncService.syncEnrollmentNow(enrollmentId)

  // Sync profile immediately (blocking)
  await SyncService.syncProfileNow(userId)

  expect(hub.log.map(({ type }) => type)).toEqual(["enrollment.created", "profile.updated", "progress.updated"]);
  expect(hub.asked.filter(({ path }) => path.endsWith("/deliveries"))).toHaveLength(2);
});

test("the queue is processed and its statistics are those of afterwards, without waiting for them", async () => {
  hub.always("/api/sync/process", () => ({ status: 200, body: { total: 3, processing: 1, pending: 2, failed: 0 } }));

  // Process queued events (call from cron job)
  await SyncService.processQueue()

  // Get queue statistics
  const stats = SyncService.getQueueStats()

  expect(stats).toEqual({ total: 3, processing: 1, pending: 2, failed: 0 });
  expect(hub.asked[0]?.headers["x-cron-secret"]).toBe("your-cron-secret-here");
});

test("health and failures have the members of the examples", async () => {
  hub.always("/api/sync/health", () => ({ status: 200, body: { healthy: true, failureRate: 0, recentFailures: 0, message: "" } }));

  // Check sync health
  const health = await SyncMonitor.checkSyncHealth()

  // Get failure statistics
  const stats = await SyncMonitor.getFailureStats()

  expect([Object.keys(health), Object.keys(stats)]).toEqual([
    ["healthy", "failureRate", "recentFailures", "message"],
    ["totalFailures", "failuresByType", "failuresByResource", "averageRetries"],
  ]);
});

test("a route answers as the example does", async () => {
  const enrollment = { id: "enrollment-123", updatedAt: new Date(0) };
  const route = (): Response => {
    // Create API response with timestamp
    return createApiResponse({
      success: true,
      enrollment: formatEnrollmentWithTimestamps(enrollment),
    })
  };
  expect(await route().json()).toMatchObject({ data: { success: true, enrollment: { last_updated_at: "1970-01-01T00:00:00.000Z" } }, metadata: { version: "1.0" } });
});
