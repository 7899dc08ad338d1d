import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Fate, Shown } from "../../src/api.js";
import { sendTo, telemetry, type Report, type TelemetryOptions } from "../../src/telemetry/index.js";
import { ERROR_EDITS_MIN, ERROR_WINDOW_MS, WATCHED_MAX } from "../../src/telemetry/limits.js";
import { fakeClient, type FakeClient } from "../fake-client.js";

let nowMs = 1_000_000;
const now = () => nowMs;
const pass = (ms: number) => void (nowMs += ms);
/** What promises bring about has come about. */
const settle = () => new Promise((done) => setImmediate(done));

function measured(fake: FakeClient = fakeClient(), options: TelemetryOptions = {}) {
  return { fake, ...telemetry(fake, { now, ...options }) };
}

/** A record with conflicts that wait for a person. */
function shownWith(...conflicts: string[]): Shown {
  return { entity: "tasks", id: "t1", value: {}, pending: false, conflicts: conflicts.map((id) => ({ id, path: "/title" })) };
}

const edit = () => {};

beforeEach(() => void (nowMs = 1_000_000));

describe("telemetry", () => {
  test("tells how long it took from an edit to what the hub made of it", async () => {
    const { fake, client, report } = measured();
    let keep: (fate: Fate) => void = () => {};
    fake.fate = () => new Promise((done) => (keep = done));
    await client.edit("tasks", "t1", edit);
    pass(250);
    keep({ status: "applied", version: "v" });
    await settle();
    expect(report().timings["sync.operations.duration"]).toEqual({ count: 1, p50: 250, p95: 250, p99: 250, max: 250 });
    expect(report().counts).toMatchObject({ "sync.operations.started": 1, "sync.operations.success": 1, "sync.operations.failed": 0 });
    expect(report().gauges["sync.success_rate"]).toBe(1);
  });

  test("counts what is done without a connection, and not how long it waited for one", async () => {
    const { fake, client, report } = measured();
    fake.be({ network: "offline" });
    await client.edit("tasks", "t1", edit);
    fake.edited = () => Promise.reject(new Error("full"));
    await expect(client.delete("tasks", "t1")).rejects.toThrow("full");
    await settle();
    expect(report().gauges["sync.offline.success_rate"]).toBe(0.5);
    expect(report().counts).toMatchObject({ "sync.offline.started": 2, "sync.offline.success": 1, "sync.operations.success": 1, "sync.operations.failed": 1 });
    expect(report().timings["sync.operations.duration"].count).toBe(0);
  });

  test("counts what the hub refused as failed", async () => {
    const { fake, client, report } = measured();
    fake.fate = async () => ({ status: "refused", refusal: { code: "WRITE_DENIED", detail: "a secret" } });
    await client.transaction(() => {});
    await settle();
    expect(report().gauges["sync.success_rate"]).toBe(0);
  });

  test("knows nothing of an edit whose fate never came", async () => {
    const { fake, client, report } = measured();
    fake.fate = () => Promise.reject(new Error("closed"));
    await client.edit("tasks", "t1", edit);
    await settle();
    expect(report().counts).toMatchObject({ "sync.operations.started": 1, "sync.operations.success": 0, "sync.operations.failed": 0 });
    expect(report().gauges).not.toHaveProperty("sync.success_rate");
  });

  test("waits for a bounded number of fates, and counts all edits", async () => {
    const { fake, client, report } = measured();
    let waiting = 0;
    fake.fate = () => new Promise(() => (waiting += 1));
    for (let at = 0; at < WATCHED_MAX + 50; at += 1) await client.edit("tasks", "t1", edit);
    expect(waiting).toBe(WATCHED_MAX);
    expect(report().counts["sync.operations.started"]).toBe(WATCHED_MAX + 50);
  });

  test("tells conflicts that a rule settles from those that a person does", async () => {
    const { fake, client, report } = measured();
    fake.fate = async () => ({ status: "conflict", version: "v", conflicts: ["by-rule", "by-person"] });
    fake.conflicted([shownWith("by-person")]);
    await client.edit("tasks", "t1", edit);
    await settle();
    expect(report().counts).toMatchObject({ "sync.conflicts.detected": 2, "sync.conflicts.automatic": 1, "sync.conflicts.resolved": 0 });
    pass(90_000);
    fake.conflicted([]);
    expect(report().counts).toMatchObject({ "sync.conflicts.automatic": 1, "sync.conflicts.resolved": 1 });
    expect(report().timings["sync.conflicts.duration"].max).toBe(90_000);
    expect(report().gauges).toMatchObject({ "sync.conflicts.rate": 1, "sync.conflicts.automatic_rate": 0.5 });
  });

  test("counts a conflict that others have made, once", async () => {
    const { fake, report } = measured();
    fake.conflicted([shownWith("c1")]);
    fake.conflicted([shownWith("c1", "c2")]);
    expect(report().counts["sync.conflicts.detected"]).toBe(2);
  });

  test("tells the time to data, and to when all was taken in", async () => {
    const fake = fakeClient();
    fake.be({ network: "connecting", upToDateAt: undefined });
    const { client, report } = measured(fake, { startedAt: nowMs - 40 });
    expect(client.get("tasks", "t1")).toBeUndefined();
    expect(report().gauges).not.toHaveProperty("sync.time_to_data");
    pass(60);
    fake.shown = [shownWith()];
    client.live({ entity: "tasks" }).records();
    pass(400);
    client.query({ entity: "tasks" });
    fake.be({ network: "up-to-date", upToDateAt: nowMs });
    expect(report().gauges).toMatchObject({ "sync.time_to_data": 100, "sync.time_to_up_to_date": 500 });
  });

  test("tells how old what was read may be", async () => {
    const { fake, client, report } = measured();
    fake.shown = [shownWith()];
    client.get("tasks", "t1");
    expect(report().timings["sync.freshness"].max).toBe(0);
    fake.be({ network: "offline", upToDateAt: nowMs });
    pass(7_000);
    client.get("tasks", "t1");
    expect(report().timings["sync.freshness"].max).toBe(7_000);
    expect(report().gauges["sync.age"]).toBe(7_000);
  });

  test("tells bytes and compression where somebody knows them", () => {
    expect(measured(fakeClient(), { transfer: () => ({ sent: 100, received: 300, sentPlain: 400, receivedPlain: 1_200 }) }).report().gauges).toMatchObject({
      "sync.bytes.sent": 100,
      "sync.bytes.received": 300,
      "sync.bytes.compression": 4,
    });
    expect(measured().report().gauges).not.toHaveProperty("sync.bytes.sent");
  });

  test("alerts once when too much fails, and again after it was better", async () => {
    const alerts: number[] = [];
    const { fake, client } = measured(fakeClient(), { alert: { errorRate: 0.5, onAlert: ({ rate }) => alerts.push(rate) } });
    const end = async (count: number, fails: boolean) => {
      fake.fate = async () => (fails ? { status: "refused", refusal: { code: "X", detail: "" } } : { status: "applied", version: "v" });
      for (let at = 0; at < count; at += 1) await client.edit("tasks", "t1", edit);
      await settle();
    };
    await end(ERROR_EDITS_MIN - 1, true);
    expect(alerts).toEqual([]);
    await end(5, true);
    expect(alerts).toEqual([1]);
    pass(ERROR_WINDOW_MS + 60_000);
    await end(ERROR_EDITS_MIN, false);
    await end(ERROR_EDITS_MIN + 5, true);
    expect(alerts.length).toBe(2);
  });

  test("holds no id, value, path or word that somebody wrote", async () => {
    const { fake, client, report } = measured();
    fake.fate = async () => ({ status: "conflict", version: "secret-version", conflicts: ["secret-conflict"] });
    fake.shown = [{ entity: "secret-entity", id: "secret-id", value: { "secret-field": "secret-value" }, pending: false, conflicts: [] }];
    fake.conflicted([shownWith("secret-open")]);
    client.get("secret-entity", "secret-id");
    await client.edit("secret-entity", "secret-id", (record) => record.set("/secret-field", "secret-value"));
    await settle();
    const told = report();
    expect(JSON.stringify(told)).not.toContain("secret");
    for (const part of [told.counts, told.gauges]) for (const value of Object.values(part)) expect(typeof value).toBe("number");
    expect(told.counts["sync.conflicts.detected"]).toBe(2);
  });
});

describe("reports", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test("come every five seconds, and once more at the end", () => {
    const reports: Report[] = [];
    const { close } = telemetry(fakeClient(), { onReport: (report) => reports.push(report) });
    vi.advanceTimersByTime(14_999);
    expect(reports.length).toBe(2);
    close();
    close();
    vi.advanceTimersByTime(60_000);
    expect(reports.length).toBe(3);
  });

  test("are sent nowhere unless an app asks for it", () => {
    const fetch = vi.fn();
    vi.stubGlobal("fetch", fetch);
    telemetry(fakeClient());
    vi.advanceTimersByTime(600_000);
    expect(fetch).not.toHaveBeenCalled();
  });

  test("are sent at most once a minute, the newest", async () => {
    const sent: Report[] = [];
    vi.stubGlobal("fetch", async (_: string, request: { body: string }) => sent.push(JSON.parse(request.body) as Report));
    const { close } = telemetry(fakeClient(), { onReport: sendTo("https://metrics.example/client") });
    await vi.advanceTimersByTimeAsync(130_000);
    expect(sent.map((report) => report.at - (sent[0]?.at ?? 0))).toEqual([0, 60_000, 120_000]);
    close();
  });

  test("that do not arrive end nothing", async () => {
    let sent = 0;
    vi.stubGlobal("fetch", () => {
      sent += 1;
      return Promise.reject(new Error("no network"));
    });
    const { close } = telemetry(fakeClient(), { onReport: sendTo("https://metrics.example/client") });
    await vi.advanceTimersByTimeAsync(70_000);
    expect(sent).toBe(2);
    close();
  });

  test("are sent as the page goes, by what outlives it", async () => {
    const beacons: [string, Blob][] = [];
    const listeners: (() => void)[] = [];
    const fetch = vi.fn(async () => {});
    vi.stubGlobal("fetch", fetch);
    vi.stubGlobal("navigator", { sendBeacon: (url: string, body: Blob) => beacons.push([url, body]) > 0 });
    vi.stubGlobal("document", { visibilityState: "hidden", addEventListener: (_: string, listener: () => void) => listeners.push(listener) });
    const { close } = telemetry(fakeClient(), { onReport: sendTo("https://metrics.example/client") });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(fetch).toHaveBeenCalledTimes(1);
    for (const listener of listeners) listener();
    expect(beacons.map(([url, body]) => [url, body.type])).toEqual([["https://metrics.example/client", "application/json"]]);
    for (const listener of listeners) listener();
    expect(beacons.length).toBe(1);
    close();
  });
});
