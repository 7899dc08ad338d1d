/** The modules of Expo as they behave by their documentation; the real ones need a device. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../../src/api.js";
import { SynclineError } from "../../src/error.js";
import { backgroundSync, biometricGate, followAppState, type BackgroundSyncOptions } from "../../src/background/index.js";
import { CLOSE_MS, FLUSH_MS, RUN_MS } from "../../src/background/limits.js";
import { fakeClient, type FakeClient } from "../fake-client.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Expo's task manager and background tasks, of one app. */
function expo() {
  const defined = new Map<string, () => Promise<number>>();
  const registered = new Map<string, number>();
  const expirations = new Set<() => void>();
  return {
    registered,
    expirations,
    taskManager: { defineTask: (name: string, run: () => Promise<number>) => void defined.set(name, run) },
    backgroundTask: {
      BackgroundTaskResult: { Success: 1, Failed: 2 },
      async registerTaskAsync(name: string, { minimumInterval }: { minimumInterval: number }) {
        if (!defined.has(name)) throw new Error("a task is defined before it is registered");
        if (minimumInterval < 15) throw new Error("Android takes no shorter interval");
        registered.set(name, minimumInterval);
      },
      async unregisterTaskAsync(name: string) {
        if (!registered.delete(name)) throw new Error("no such task");
      },
      addExpirationListener(listener: () => void) {
        expirations.add(listener);
        return { remove: () => void expirations.delete(listener) };
      },
    },
    /** What the system does now and then. */
    system: async (name = "syncline-sync") => defined.get(name)?.(),
  };
}

function background(client: FakeClient, changed: Partial<BackgroundSyncOptions> = {}) {
  const device = expo();
  const problems: unknown[] = [];
  const { taskManager, backgroundTask } = device;
  const sync = backgroundSync({ taskManager, backgroundTask, open: async () => client, onProblem: (error) => problems.push(error), ...changed });
  return { ...device, ...sync, problems };
}

const never = () => new Promise<never>(() => {});
const names = (client: FakeClient) => client.calls.map(([name]) => name);
const codes = (problems: unknown[]) => problems.map((problem) => (problem instanceof SynclineError ? problem.code : String(problem)));

describe("a background task", () => {
  test("opens the client, synchronises within its time, and closes it", async () => {
    const client = fakeClient();
    const { system } = background(client);
    expect(await system()).toBe(1);
    expect(client.calls).toEqual([["sync", RUN_MS], ["close"]]);
  });

  test("is registered for every 15 minutes, or less often, and never more often", async () => {
    for (const [everyMinutes, minutes] of [[undefined, 15], [60, 60], [1, 15]] as const) {
      const { register, unregister, registered } = background(fakeClient(), everyMinutes === undefined ? {} : { everyMinutes });
      await register();
      expect([...registered]).toEqual([["syncline-sync", minutes]]);
      await unregister();
      expect(registered.size).toBe(0);
    }
  });

  test("uses the client that the app has open, and leaves it open", async () => {
    const client = fakeClient();
    const open = vi.fn(async (): Promise<Client> => fakeClient());
    const { system } = background(client, { open, current: () => client });
    expect(await system()).toBe(1);
    expect(open).not.toHaveBeenCalled();
    expect(names(client)).toEqual(["sync"]);
  });

  test("says that it failed, and closes, when synchronising fails", async () => {
    const client = fakeClient();
    client.sync = () => Promise.reject(new SynclineError("CLIENT_TIMEOUT", "no network"));
    const { system, problems } = background(client);
    expect(await system()).toBe(2);
    expect(names(client)).toEqual(["close"]);
    expect(codes(problems)).toEqual(["CLIENT_TIMEOUT"]);
  });

  test("says that it failed when the client cannot be opened", async () => {
    const { system, problems } = background(fakeClient(), { open: () => Promise.reject(new SynclineError("CLIENT_UNLOCK_REFUSED", "no")) });
    expect(await system()).toBe(2);
    expect(codes(problems)).toEqual(["CLIENT_UNLOCK_REFUSED"]);
  });

  test("ends in time, and closes, when synchronising hangs", async () => {
    const client = fakeClient();
    client.sync = never;
    const { system, problems } = background(client);
    const ran = system();
    await vi.advanceTimersByTimeAsync(RUN_MS);
    expect(await ran).toBe(2);
    expect(names(client)).toEqual(["close"]);
    expect(codes(problems)).toEqual(["CLIENT_TIMEOUT"]);
  });

  test("closes a client that opens too late", async () => {
    const client = fakeClient();
    let opened: (client: Client) => void = () => {};
    const { system } = background(client, { open: () => new Promise((done) => (opened = done)) });
    const ran = system();
    await vi.advanceTimersByTimeAsync(RUN_MS + CLOSE_MS);
    expect(await ran).toBe(2);
    opened(client);
    await vi.advanceTimersByTimeAsync(0);
    expect(names(client)).toEqual(["close"]);
  });

  test("ends although closing hangs", async () => {
    const client = fakeClient();
    client.close = never;
    const { system } = background(client);
    const ran = system();
    await vi.advanceTimersByTimeAsync(CLOSE_MS);
    expect(await ran).toBe(1);
  });

  test("ends at once when the system takes the time back", async () => {
    const client = fakeClient();
    client.sync = never;
    const { system, expirations } = background(client);
    const ran = system();
    await vi.advanceTimersByTimeAsync(0);
    for (const expire of [...expirations]) expire();
    expect(await ran).toBe(2);
    expect(names(client)).toEqual(["close"]);
    expect(expirations.size).toBe(0);
  });

  test("runs once when the system starts it twice", async () => {
    const client = fakeClient();
    const { system, run } = background(client);
    expect(await Promise.all([system(), run()])).toEqual([1, true]);
    expect(names(client)).toEqual(["sync", "close"]);
    expect(await run()).toBe(true);
  });
});

describe("a key behind a gate", () => {
  /** A person who answers in order, and what was asked. */
  function person(...answers: { success: boolean; error?: string }[]) {
    const asked: object[] = [];
    return {
      asked,
      authenticateAsync: async (options: object) => {
        asked.push(options);
        return answers.shift() ?? { success: false, error: "unknown" };
      },
    };
  }

  test("is read only after the person has agreed", async () => {
    const somebody = person({ success: true });
    const readKey = vi.fn(async () => "key");
    expect(await biometricGate(somebody)(readKey)).toBe("key");
    expect(somebody.asked).toEqual([{ promptMessage: "Authenticate to sync your data", fallbackLabel: "Use PIN", disableDeviceFallback: false }]);
  });

  test("is not read where the person refuses", async () => {
    const readKey = vi.fn(async () => "key");
    await expect(biometricGate(person({ success: false, error: "user_cancel" }))(readKey)).rejects.toMatchObject({
      code: "CLIENT_UNLOCK_REFUSED",
      message: "the device says: user_cancel",
      retryable: true,
    });
    expect(readKey).not.toHaveBeenCalled();
  });

  test("is not read in the background, and nobody is asked", async () => {
    const somebody = person({ success: true });
    const readKey = vi.fn(async () => "key");
    const gate = biometricGate(somebody, { isInFront: () => false });
    await expect(gate(readKey)).rejects.toMatchObject({ code: "CLIENT_UNLOCK_REFUSED" });
    expect([somebody.asked.length, readKey.mock.calls.length]).toEqual([0, 0]);
  });

  test("is asked for once when two want it at the same time, and again afterwards", async () => {
    const somebody = person({ success: true }, { success: false });
    const gate = biometricGate(somebody, { takesDeviceCode: false });
    expect(await Promise.all([gate(() => 1), gate(() => 2)])).toEqual([1, 2]);
    await expect(gate(() => 3)).rejects.toMatchObject({ code: "CLIENT_UNLOCK_REFUSED" });
    expect(somebody.asked).toMatchObject([{ disableDeviceFallback: true }, { disableDeviceFallback: true }]);
  });

  test("stays open for as long as an answer holds, and not where the clock is set back", async () => {
    let nowMs = 1_000_000;
    const somebody = person({ success: true }, { success: true }, { success: true });
    const gate = biometricGate(somebody, { validMs: 60_000, now: () => nowMs });
    await gate(() => 1);
    nowMs += 59_999;
    await gate(() => 1);
    expect(somebody.asked.length).toBe(1);
    nowMs += 1;
    await gate(() => 1);
    expect(somebody.asked.length).toBe(2);
    nowMs -= 500_000;
    await gate(() => 1);
    expect(somebody.asked.length).toBe(3);
  });

  test("fails a task in the background and not the app", async () => {
    const gate = biometricGate(person(), { isInFront: () => false });
    const client = fakeClient();
    const { system, problems } = background(client, { open: () => gate(() => client) });
    expect(await system()).toBe(2);
    expect(codes(problems)).toEqual(["CLIENT_UNLOCK_REFUSED"]);
    expect(names(client)).toEqual([]);
  });
});

describe("an app that goes and comes", () => {
  function app(state = "active") {
    const listeners = new Set<(state: string) => void>();
    return {
      currentState: state,
      listeners,
      go(next: string) {
        for (const listener of listeners) listener(next);
      },
      addEventListener(_: "change", listener: (state: string) => void) {
        listeners.add(listener);
        return { remove: () => void listeners.delete(listener) };
      },
    };
  }

  test("sends what waits as it goes, lets go of the connection, and connects as it comes back", async () => {
    const client = fakeClient();
    const state = app();
    followAppState(client, state);
    state.go("inactive");
    state.go("background");
    await vi.advanceTimersByTimeAsync(0);
    state.go("inactive");
    state.go("active");
    expect(client.calls).toEqual([["sync", FLUSH_MS], ["setOnline", false], ["setOnline", true]]);
  });

  test("stays connected when it comes back before everything was sent", async () => {
    const client = fakeClient();
    let sent: () => void = () => {};
    client.sync = () => new Promise((done) => (sent = done));
    const state = app();
    followAppState(client, state);
    state.go("background");
    state.go("active");
    sent();
    await vi.advanceTimersByTimeAsync(0);
    expect(client.calls).toEqual([["setOnline", true]]);
  });

  test("lets go of the connection also when what waits could not be sent", async () => {
    const client = fakeClient();
    client.sync = () => Promise.reject(new SynclineError("CLIENT_TIMEOUT", "no network"));
    const state = app();
    followAppState(client, state);
    state.go("background");
    await vi.advanceTimersByTimeAsync(0);
    expect(client.calls).toEqual([["setOnline", false]]);
  });

  test("that was started in the background does not connect, and an end is an end", async () => {
    const client = fakeClient();
    const state = app("background");
    const end = followAppState(client, state);
    await vi.advanceTimersByTimeAsync(0);
    expect(names(client)).toEqual(["sync", "setOnline"]);
    end();
    expect(state.listeners.size).toBe(0);
  });
});
