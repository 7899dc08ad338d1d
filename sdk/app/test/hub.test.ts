/** The functions against a hub that is served: what it answers is what they take, and what it delivers they verify. */

import { createServer, type IncomingHttpHeaders } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Hub, startHub } from "../../client/test/hub.js";
import { createSyncMonitor } from "../src/sync-monitor.js";
import { createSyncService, SyncEventType, type SyncServiceFunctions } from "../src/sync-service.js";
import { verifyWebhook } from "../src/webhook.js";

const SECRET = "your-webhook-secret-here";

/** A webhook as it came. */
interface Came {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An application that is told of events. */
interface Application {
  readonly url: string;
  readonly came: readonly Came[];
  /** What it answers from now on. */
  answer: number;
  close(): Promise<void>;
}

async function startApplication(): Promise<Application> {
  const came: Came[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      came.push({ headers: request.headers, body });
      response.writeHead(application.answer).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without a port");
  const application = {
    url: `http://127.0.0.1:${address.port}/api/webhooks/sync`,
    came,
    answer: 200,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return application;
}

let hub: Hub;
let application: Application;
let service: SyncServiceFunctions;

beforeEach(async () => {
  hub = await startHub({ args: ["--deliver-to", "loopback"], env: { CRON_SECRET: "your-cron-secret-here" } });
  application = await startApplication();
  service = createSyncService({ url: hub.url, token: hub.token, cronSecret: "your-cron-secret-here" });
  await hub.ask("POST", "/v1/endpoints", { id: "admin", url: application.url, preset: "anywheredoor", secrets: [SECRET] });
});
afterEach(async () => {
  await hub.stop();
  await application.close();
});

const bodies = (): readonly { readonly id: string; readonly type: string; readonly data: unknown; readonly sequence: number }[] =>
  application.came.map(({ body }) => JSON.parse(body) as { id: string; type: string; data: unknown; sequence: number });

describe("emitting", () => {
  test("events of the three families arrive with the members and the signature of spec 004, which holds", async () => {
    const emitted = [
      await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "enrollment-123", { status: "active" }),
      await service.emitProfileEvent("user-123", { name: "Mara" }),
      await service.emitProgressEvent("user-123", "course-7", { percent: 40 }),
      await service.emit("invoice.paid", "invoice", "i-1", undefined),
    ];
    await vi.waitFor(() => expect(application.came).toHaveLength(4), 30_000);
    const [first] = application.came;
    expect(Object.keys(JSON.parse(first?.body ?? "{}") as object)).toEqual(expect.arrayContaining(["id", "type", "resourceId", "resourceType", "data", "timestamp", "retryCount", "status"]));
    for (const { headers, body } of application.came) expect(await verifyWebhook(headers, body, { plainSecrets: SECRET })).toEqual({ id: undefined, isStandard: false });
    const bySequence = [...bodies()].sort((a, b) => a.sequence - b.sequence);
    expect(bySequence.map(({ id, type, data, sequence }) => ({ id, type, data, sequence }))).toEqual([
      { id: emitted[0]?.id, type: "enrollment.created", data: { status: "active" }, sequence: emitted[0]?.sequence },
      { id: emitted[1]?.id, type: "profile.updated", data: { name: "Mara" }, sequence: emitted[1]?.sequence },
      { id: emitted[2]?.id, type: "progress.updated", data: { percent: 40, userId: "user-123", courseId: "course-7" }, sequence: emitted[2]?.sequence },
      { id: emitted[3]?.id, type: "invoice.paid", data: null, sequence: emitted[3]?.sequence },
    ]);
  });

  test("an event that is emitted again under its id is there once, alone and among others", async () => {
    const first = await service.emit("a.b", "a", "1", { n: 1 }, "e-1");
    expect(await service.emit("a.b", "a", "1", { n: 1 }, "e-1")).toEqual({ id: "e-1", sequence: undefined });
    const [again, other] = await service.emitAll(["e-1", "e-2"].map((id) => ({ id, type: "a.b", resourceType: "a", resourceId: "1", data: { n: 1 } })));
    expect([again, other?.id, (other?.sequence ?? 0) > (first.sequence ?? 0)]).toEqual([{ id: "e-1", sequence: undefined }, "e-2", true]);
    await vi.waitFor(() => expect(bodies().map(({ id }) => id)).toEqual(["e-1", "e-2"]), 30_000);
  });

  test("an event and its change are there together; a change that is refused emits nothing", async () => {
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "e-1", { status: "active" }, { change: { set: { "/status": "active" } } });
    const read = async () => (await hub.ask("GET", "/v1/entities/enrollment/records/e-1")) as { record: unknown; version: string };
    const { record, version } = await read();
    expect(record).toEqual({ status: "active" });
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_UPDATED, "e-1", { status: "paused" }, { change: { base: version, set: { "/status": "paused" } } });
    const refused = service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_UPDATED, "e-1", {}, { change: { set: { status: 1 } } });
    await expect(refused).rejects.toMatchObject({ code: "OPERATION_MALFORMED", retryable: false });
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_DELETED, "e-1", null, { change: { base: (await read()).version, delete: true } });
    const { entries } = (await hub.ask("GET", "/v1/log")) as { entries: readonly { kind: string; isGone: boolean }[] };
    expect(entries.map(({ kind, isGone }) => (isGone ? "gone" : kind))).toEqual(["write", "event", "write", "event", "gone", "event"]);
  });
});

describe("looking", () => {
  test("what became of an event, what waits and how deliveries do is told by the hub itself", async () => {
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "e-1", { status: "active" });
    const synced = await service.syncEnrollmentNow("e-1", { timeoutMs: 30_000 });
    expect(synced).toMatchObject({ isDelivered: true, deliveries: [{ endpoint: "admin", state: "delivered", attempts: 1 }] });
    const nothing = { total: 0, processing: 0, pending: 0, failed: 0 };
    expect([await service.processQueue(), await service.readQueueStats()]).toEqual([nothing, nothing]);
    const monitor = createSyncMonitor({ url: hub.url, token: hub.token });
    expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: true, failureRate: 0, recentFailures: 0 });
  });

  test("an application that refuses everything makes the hub say that it is not well, with its reasons", async () => {
    application.answer = 500;
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "e-1", { status: "active" });
    const synced = await service.syncEnrollmentNow("e-1", { timeoutMs: 30_000 });
    expect(synced).toMatchObject({ isDelivered: false, deliveries: [{ endpoint: "admin", state: "dead", attempts: 3 }] });
    expect(await service.readQueueStats()).toMatchObject({ failed: 1 });
    const monitor = createSyncMonitor({ url: hub.url, token: hub.token });
    expect(await monitor.checkSyncHealth()).toMatchObject({ healthy: false, failureRate: 1, recentFailures: 1 });
  });

  test("a profile is synchronised at once with the token of a client, which may look where the answer says", async () => {
    const { token } = await hub.issue({ role: "client" });
    const client = createSyncService({ url: hub.url, token });
    const { id } = await client.emitProfileEvent("u-1", { name: "Mara" });
    const { statusUrl, ...synced } = await client.syncProfileNow("u-1", { timeoutMs: 30_000 });
    expect(synced).toMatchObject({ eventId: id, isDelivered: true });
    const told = await fetch(statusUrl, { headers: { authorization: `Bearer ${token}` } });
    expect([told.status, await told.json()]).toMatchObject([200, { settled: true }]);
  });

  test("what fails waits and is counted, after a nudge it is tried again, and nobody without the secret nudges", async () => {
    application.answer = 503;
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "e-1", {});
    expect(await service.syncEnrollmentNow("e-1", { timeoutMs: 1 })).toMatchObject({ isDelivered: false });
    expect(await service.readQueueStats()).toMatchObject({ total: 1, failed: 0 });
    await expect(createSyncService({ url: hub.url, cronSecret: "another" }).processQueue()).rejects.toMatchObject({ status: 401, retryable: false });
    application.answer = 200;
    await service.processQueue();
    expect(await service.syncEnrollmentNow("e-1", { timeoutMs: 30_000 })).toMatchObject({ isDelivered: true });
    await service.readQueueStats();
    expect(service.getQueueStats()).toEqual({ total: 0, processing: 0, pending: 0, failed: 0 });
  });

  test("failures are told by their types, resources and reasons, and never with what they were about", async () => {
    application.answer = 500;
    await service.emitProfileEvent("u-1", { name: "never told" });
    await service.syncProfileNow("u-1", { timeoutMs: 30_000 });
    const monitor = createSyncMonitor({ url: hub.url, token: hub.token });
    expect(await monitor.getFailureStats()).toEqual({ totalFailures: 1, failuresByType: { "profile.updated": 1 }, failuresByResource: { user: 1 }, averageRetries: 2 });
    const failures = await monitor.getRecentFailures();
    expect(failures).toMatchObject([{ type: "profile.updated", resourceType: "user", resourceId: "u-1", error: "HTTP_500", retryCount: 2 }]);
    expect(JSON.stringify(failures)).not.toContain("never told");
    const nobody = createSyncMonitor({ url: hub.url, token: "none" });
    expect(await nobody.checkSyncHealth()).toMatchObject({ healthy: false, message: expect.stringContaining("tells nothing") as string });
  });
});
