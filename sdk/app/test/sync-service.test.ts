import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSyncService, SyncEventType, type SyncServiceFunctions } from "../src/sync-service.js";
import { startStandInHub, type StandInHub } from "./stand-in-hub.js";

let hub: StandInHub;
let service: SyncServiceFunctions;

beforeEach(async () => {
  hub = await startStandInHub();
  service = createSyncService({ url: `${hub.url}/`, token: "t0ken", cronSecret: "s3cret" });
  // Waits are counted, not sat through.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"], shouldAdvanceTime: true, advanceTimeDelta: 200 });
});
afterEach(async () => {
  vi.useRealTimers();
  await hub.close();
});

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "no failure", (error: unknown) => error);

describe("emitting", () => {
  test("the three families of spec 004 and any other are events of the log", async () => {
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "enrollment-123", { status: "active" });
    await service.emitProfileEvent("user-123", { name: "Mara" });
    await service.emitProgressEvent("user-123", "course-7", { percent: 40 });
    const emitted = await service.emit("invoice.paid", "invoice", "i-1", undefined, "own-id");
    expect(emitted).toEqual({ id: "own-id", sequence: 4 });
    expect(hub.log.map(({ id: _, ...event }) => event)).toEqual([
      { type: "enrollment.created", resourceType: "enrollment", resourceId: "enrollment-123", data: { status: "active" } },
      { type: "profile.updated", resourceType: "user", resourceId: "user-123", data: { name: "Mara" } },
      { type: "progress.updated", resourceType: "progress", resourceId: "user-123:course-7", data: { percent: 40, userId: "user-123", courseId: "course-7" } },
      { type: "invoice.paid", resourceType: "invoice", resourceId: "i-1", data: null },
    ]);
    expect(new Set(hub.log.map(({ id }) => id)).size).toBe(4);
    expect(hub.asked.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill("Bearer t0ken"));
  });

  test("no two pairs of person and course have one id", async () => {
    for (const [user, course] of [["a:b", "c"], ["a", "b:c"], ["a%3Ab", "c"]] as const) await service.emitProgressEvent(user, course, {});
    expect(new Set(hub.log.map(({ resourceId }) => resourceId)).size).toBe(3);
  });

  test("an answer that is lost, a hub that is away and one that is busy make no second event, and none is lost", async () => {
    hub.next("lost", "cut", { status: 503, headers: { "retry-after": "1" }, body: { code: "HUB_BUSY", title: "Later." } });
    const { id, sequence } = await service.emitProfileEvent("user-1", {});
    expect([hub.log.map((event) => event.id), sequence, hub.asked.length]).toEqual([[id], undefined, 4]);
  });

  test("after three retries the caller is told, and under its own id may try again", async () => {
    hub.next("lost", "cut", "cut", "cut");
    expect(await failure(service.emit("a.b", "a", "1", {}, "e-1"))).toMatchObject({ code: "HUB_UNREACHABLE", retryable: true });
    expect(hub.asked).toHaveLength(4);
    expect(await service.emit("a.b", "a", "1", {}, "e-1")).toEqual({ id: "e-1", sequence: undefined });
    expect(hub.log).toHaveLength(1);
  });

  test("what a hub refuses is thrown with its code and not tried again", async () => {
    hub.next({ status: 422, headers: { "content-type": "application/problem+json" }, body: { code: "EVENT_DATA_INVALID", title: "It is not as its schema says." } });
    expect(await failure(service.emitProfileEvent("user-1", {}))).toMatchObject({ code: "EVENT_DATA_INVALID", message: "It is not as its schema says.", status: 422, retryable: false });
    hub.next({ status: 403, body: "<html>a proxy</html>" });
    expect(await failure(service.emitProfileEvent("user-1", {}))).toMatchObject({ code: "HUB_UNREACHABLE", status: 403, retryable: false });
    expect(hub.asked).toHaveLength(2);
  });

  test("one of several that is refused is thrown, one that is only held back is sent again, and the others are emitted once", async () => {
    const both = ["e-1", "e-2"].map((id) => ({ id, type: "a.b", resourceType: "a", resourceId: id, data: {} }));
    const answer = (retryable: boolean) => ({ status: 200, body: { events: [{ id: "e-1", sequence: 7 }, { id: "e-2", problem: { code: "PUSH_HELD", detail: "An operator looks.", retryable } }] } });
    hub.next(answer(false));
    expect(await failure(service.emitAll(both))).toMatchObject({ code: "PUSH_HELD", message: "An operator looks.", retryable: false });
    expect(hub.asked).toHaveLength(1);
    hub.next(answer(true), { status: 200, body: { events: [{ id: "e-1" }, { id: "e-2", sequence: 9 }] } });
    expect(await service.emitAll(both)).toEqual([{ id: "e-1", sequence: 7 }, { id: "e-2", sequence: 9 }]);
    hub.next({ status: 200, body: { events: [{ id: "e-1" }, { id: "e-2", problem: "?" }] } });
    expect(await failure(service.emitAll(both))).toMatchObject({ code: "MESSAGE_MALFORMED" });
  });

  test("what no hub would take is refused here, and what is no answer of one is not taken for it", async () => {
    expect(await failure(service.emit("a..b", "a", "1", {}))).toMatchObject({ code: "EVENT_TYPE_INVALID" });
    expect(await failure(service.emit("a", "a", "1", {}, "a.b"))).toMatchObject({ code: "EVENT_ID_INVALID" });
    expect(await failure(service.emitAll(Array(101).fill({ type: "a", resourceType: "a", resourceId: "1", data: 1 })))).toMatchObject({ code: "BODY_TOO_LARGE" });
    expect(await service.emitAll([])).toEqual([]);
    expect(hub.asked).toHaveLength(0);
    const odd: readonly unknown[] = ["no JSON", [], {}, { events: [{}] }, { events: [{ id: "x", sequence: 1 }] }, { events: [] }];
    for (const body of odd) {
      hub.next({ status: 200, body });
      expect(await failure(service.emit("a", "a", "1", {})), JSON.stringify(body)).toMatchObject({ code: "MESSAGE_MALFORMED" });
    }
    const good = JSON.stringify({ events: [{ id: "e-1", sequence: 1 }] });
    for (const [bytes, expected] of [[1 << 20, "no failure"], [(1 << 20) + 1, { code: "MESSAGE_MALFORMED" }]] as const) {
      hub.next({ status: 200, body: good.padEnd(bytes) });
      const found = await failure(service.emit("a", "a", "1", {}, "e-1"));
      if (typeof expected === "string") expect(found).toBe(expected);
      else expect(found).toMatchObject(expected);
    }
    expect(await failure(createSyncService({ url: "" }).emit("a", "a", "1", {}))).toMatchObject({ code: "CLIENT_NO_HUB" });
  });
});

describe("the queue", () => {
  const stats = (pending: number) => ({ total: pending + 1, processing: 1, pending, failed: 0 });

  test("processing it nudges the hub with the secret of the cron job, and what waits is known at once", async () => {
    hub.always("/api/sync/process", () => ({ status: 200, body: stats(4) }));
    expect(await service.processQueue()).toEqual(stats(4));
    expect(service.getQueueStats()).toEqual(stats(4));
    expect(hub.asked.map(({ method, headers }) => [method, headers["x-cron-secret"]])).toEqual([["POST", "s3cret"]]);
  });

  test("what waits is answered at once as it was last known, and asked for in the background once that is old", async () => {
    let pending = 1;
    hub.always("/api/sync/status", () => ({ status: 200, body: { data: stats(pending), metadata: { timestamp: "2024-01-31T12:00:00.000Z", version: "1.0" } } }));
    expect(service.getQueueStats()).toEqual({ total: 0, processing: 0, pending: 0, failed: 0 });
    await vi.waitFor(() => expect(service.getQueueStats()).toEqual(stats(1)));
    const asked = hub.asked.length;
    service.getQueueStats();
    await service.emitProfileEvent("user-1", {});
    expect(hub.asked.slice(asked).map(({ path }) => path)).toEqual(["/v1/events"]);
    pending = 2;
    await vi.advanceTimersByTimeAsync(1_500);
    await vi.waitFor(() => expect(service.getQueueStats()).toEqual(stats(2)));
    // Those who ask while an answer is on its way share it.
    const before = hub.asked.length;
    expect(await Promise.all([service.readQueueStats(), service.readQueueStats()])).toEqual([stats(2), stats(2)]);
    expect(hub.asked.length).toBe(before + 1);
  });

  test("a hub that does not answer throws only where somebody waits for it", async () => {
    hub.next("cut", "cut");
    expect(service.getQueueStats().total).toBe(0);
    await vi.waitFor(() => expect(hub.asked).toHaveLength(1));
    await vi.waitFor(async () => expect(await failure(service.readQueueStats())).toMatchObject({ code: "HUB_UNREACHABLE" }));
  });
});

describe("syncing now", () => {
  /** Has nothing be settled for so many looks, then what is given. */
  function deliver(unsettled: number, states: readonly string[], settled?: boolean): void {
    let looks = 0;
    hub.always("/deliveries", () => {
      looks += 1;
      const now = looks > unsettled ? states : [];
      return { status: 200, body: { deliveries: now.map((state, at) => ({ endpoint: `e${at}`, state, attempts: 1 })), ...(settled !== undefined && { settled }) } };
    });
  }

  test("waits until every endpoint has the last event of the resource", async () => {
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_CREATED, "e-1", {});
    const { id } = await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_UPDATED, "e-1", {});
    await service.emitEnrollmentEvent(SyncEventType.ENROLLMENT_UPDATED, "e-2", {});
    deliver(3, ["delivered", "delivered"]);
    expect(await service.syncEnrollmentNow("e-1")).toEqual({
      eventId: id,
      isDelivered: true,
      deliveries: [{ endpoint: "e0", state: "delivered", attempts: 1 }, { endpoint: "e1", state: "delivered", attempts: 1 }],
      statusUrl: `${hub.url}/v1/events/${id}/deliveries`,
    });
    expect(hub.log).toHaveLength(3);
  });

  test("of the last ten thousand resources the last event is known", async () => {
    const emit = (from: number, count: number) =>
      service.emitAll(Array.from({ length: count }, (_, at) => ({ type: "a", resourceType: "enrollment", resourceId: `e-${from + at}`, data: {} })));
    deliver(0, ["delivered"]);
    for (let from = 0; from < 10_000; from += 100) await emit(from, 100);
    await emit(0, 1);
    await emit(10_000, 1);
    expect(await service.syncEnrollmentNow("e-0")).toMatchObject({ isDelivered: true });
    expect(await failure(service.syncEnrollmentNow("e-1"))).toMatchObject({ code: "SYNC_NOTHING_EMITTED" });
    expect(await service.syncEnrollmentNow("e-2")).toMatchObject({ isDelivered: true });
  });

  test("emits what the application reads, and does not call delivered what is dead, unknown or late", async () => {
    service.configure({ url: hub.url, read: { profile: (userId) => ({ name: userId }), enrollment: (id) => Promise.resolve({ id }) } });
    const rows: readonly (readonly [states: readonly string[], settled: boolean | undefined, isDelivered: boolean])[] = [
      [["delivered"], undefined, true],
      [["delivered", "dead"], undefined, false],
      [["delivered", "retrying"], undefined, false],
      [["delivered"], false, false],
      [[], undefined, false],
      // Nobody subscribes to it, says the hub.
      [[], true, true],
    ];
    for (const [states, settled, isDelivered] of rows) {
      deliver(0, states, settled);
      expect(await service.syncProfileNow("user-1", { timeoutMs: 300 }), `${states} ${settled}`).toMatchObject({ isDelivered, eventId: hub.log.at(-1)?.id });
    }
    expect(hub.log.map(({ type, resourceType, resourceId, data }) => [type, resourceType, resourceId, data])).toEqual(Array(rows.length).fill(["profile.updated", "user", "user-1", { name: "user-1" }]));
    deliver(0, ["delivered"]);
    await service.syncEnrollmentNow("e-1");
    expect(hub.log.at(-1)).toMatchObject({ type: "enrollment.updated", resourceType: "enrollment", resourceId: "e-1", data: { id: "e-1" } });
  });

  test("without an event and without a way to read there is nothing to wait for", async () => {
    expect(await failure(service.syncProfileNow("user-1"))).toMatchObject({ code: "SYNC_NOTHING_EMITTED" });
    service.configure({ url: hub.url, read: { enrollment: () => undefined } });
    expect(await failure(service.syncEnrollmentNow("e-1"))).toMatchObject({ code: "SYNC_NOTHING_EMITTED" });
    expect(hub.asked).toHaveLength(0);
  });
});
