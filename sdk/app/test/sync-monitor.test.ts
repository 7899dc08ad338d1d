import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SynclineError } from "../src/error.js";
import { createSyncMonitor, type Failure, type SyncMonitorFunctions } from "../src/sync-monitor.js";
import { startStandInHub, type StandInHub } from "./stand-in-hub.js";

const NOW = Date.parse("2024-01-31T12:00:00.000Z");

let hub: StandInHub;
let monitor: SyncMonitorFunctions;

beforeEach(async () => {
  hub = await startStandInHub();
  monitor = createSyncMonitor({ url: hub.url, token: "t0ken" });
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(async () => {
  vi.useRealTimers();
  await hub.close();
});

const delivery: Failure = { timestamp: "2024-01-31T11:59:00.000Z", type: "profile.updated", resourceType: "user", resourceId: "user-1", error: "TIMEOUT", retryCount: 3 };

/** Has the hub say how it does. */
function tell(health: object = {}, status = 200): void {
  hub.always("/api/sync/health", () => ({ status, body: { status: "pass", healthy: true, failureRate: 0.01, recentFailures: 2, message: "All is well.", ...health } }));
}

const failed = (resourceId: string, more: object = {}): void => monitor.logFailure({ type: "profile.updated", resourceType: "user", resourceId, error: new TypeError("Mara's address"), ...more });

test("the health is the hub's, in the members of spec 004", async () => {
  tell();
  expect(await monitor.checkSyncHealth()).toEqual({ healthy: true, failureRate: 0.01, recentFailures: 2, message: "All is well." });
  tell({ healthy: false, failureRate: 0.5, message: "Half of it fails.", recentFailures: [delivery] }, 503);
  expect(await monitor.checkSyncHealth()).toEqual({ healthy: false, failureRate: 0.5, recentFailures: 1, message: "Half of it fails." });
  expect(hub.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer t0ken", "Bearer t0ken"]);
});

test("a hub that does not answer, or not in the form, is not healthy", async () => {
  hub.next("cut");
  expect(await monitor.checkSyncHealth()).toEqual({ healthy: false, failureRate: 1, recentFailures: 0, message: "the hub tells nothing of its health: HUB_UNREACHABLE" });
  tell({ healthy: "yes" });
  expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: false, message: "the hub tells nothing of its health: MESSAGE_MALFORMED" });
});

test("failures of the application's own count for an hour, or until they are mended", async () => {
  tell();
  for (let at = 0; at < 11; at += 1) failed(`user-${at}`);
  expect(await monitor.checkSyncHealth()).toEqual({ healthy: false, failureRate: 1, recentFailures: 13, message: "11 failures of the application within an hour are not mended" });
  monitor.logRecovery("user", "user-0");
  expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: true, failureRate: 0.01, recentFailures: 13 });
  failed("user-0");
  expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: false, failureRate: 11 / 12 });
  vi.setSystemTime(NOW + 60 * 60_000);
  expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: true, recentFailures: 2 });
});

test("recent failures are the hub's and the application's, the newest first, and hold no message", async () => {
  tell({ recentFailures: [delivery] });
  failed("user-2", { retryCount: 1 });
  failed("user-3", { error: new SynclineError("HUB_BUSY", "x") });
  failed("user-4", { error: "OWN_CODE" });
  failed("user-5", { error: null });
  const found = await monitor.getRecentFailures();
  expect(found.map(({ resourceId, error }) => `${resourceId} ${error}`).sort()).toEqual(["user-1 TIMEOUT", "user-2 TypeError", "user-3 HUB_BUSY", "user-4 OWN_CODE", "user-5 unknown"]);
  expect(found.at(-1)).toEqual(delivery);
  expect(JSON.stringify(found)).not.toContain("Mara");
  expect(await monitor.getRecentFailures(2)).toHaveLength(2);
  hub.next("cut");
  expect(await monitor.getRecentFailures()).toHaveLength(4);
});

test("failures are counted by type and by resource, the hub's and the application's", async () => {
  expect(await monitor.getFailureStats()).toEqual({ totalFailures: 0, failuresByType: {}, failuresByResource: {}, averageRetries: 0 });
  failed("user-2", { retryCount: 1 });
  failed("user-3", { type: "__proto__", resourceType: "constructor", retryCount: 2 });
  const own = { totalFailures: 2, failuresByType: Object.fromEntries([["profile.updated", 1], ["__proto__", 1]]), failuresByResource: Object.fromEntries([["user", 1], ["constructor", 1]]), averageRetries: 1.5 };
  expect(await monitor.getFailureStats()).toEqual(own);
  tell({ failureStats: { totalFailures: 2, failuresByType: { "profile.updated": 2 }, failuresByResource: { user: 2 }, averageRetries: 3 } });
  expect(await monitor.getFailureStats()).toEqual({ totalFailures: 4, failuresByType: Object.fromEntries([["profile.updated", 3], ["__proto__", 1]]), failuresByResource: Object.fromEntries([["user", 3], ["constructor", 1]]), averageRetries: 2.25 });
});

test("a thousand failures are kept, and no more", async () => {
  for (let at = 0; at < 1_010; at += 1) failed(`user-${at}`);
  expect((await monitor.getFailureStats()).totalFailures).toBe(1_000);
  hub.next("cut");
  const found = await monitor.getRecentFailures(2_000);
  expect([found.length, found.some(({ resourceId }) => resourceId === "user-9")]).toEqual([1_000, false]);
});
