import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { adaptive, type AdaptiveOptions, type Decision } from "../../src/adaptive/index.js";
import { PROBE_EVERY_MS, PROBE_MS_MAX, ROUND_TRIP_VALID_MS, STEADY_MS, VISIBLE_SAY_MS, VISIBLE_VALID_MS } from "../../src/adaptive/limits.js";
import { fakeClient } from "../fake-client.js";

/** A part of a browser that says when it has changed. */
function part<T extends object>(facts: T) {
  const listeners = new Map<string, Set<() => void>>();
  return Object.assign(facts, {
    addEventListener: (type: string, listener: () => void) => void listeners.set(type, (listeners.get(type) ?? new Set()).add(listener)),
    removeEventListener: (type: string, listener: () => void) => void listeners.get(type)?.delete(listener),
    say: (type: string, changed: Partial<T> = {}) => {
      Object.assign(facts, changed);
      for (const listener of listeners.get(type) ?? []) listener();
    },
    listeners: () => [...listeners.values()].reduce((sum, each) => sum + each.size, 0),
  });
}

function browser() {
  const connection = part({ effectiveType: "4g", saveData: false });
  const battery = part({ level: 1, charging: false });
  const document = part({ visibilityState: "visible" });
  const window = part({});
  const navigator = { onLine: true, connection, getBattery: async () => battery };
  return { connection, battery, document, window, navigator, platform: { navigator, document, window } };
}

function adapted(options: AdaptiveOptions) {
  const client = fakeClient();
  const decisions: Decision[] = [];
  const strategies = () => client.calls.filter(([name]) => name === "setStrategy").map(([, strategy]) => (strategy as { kind: string }).kind);
  return { client, decisions, strategies, ...adaptive(client, { now: () => Date.now(), onDecision: (decision) => decisions.push(decision), ...options }) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a client that adapts", () => {
  test("gathers edits at once where the connection gets worse, and goes back only once it has been better for a while", () => {
    const { connection, platform } = browser();
    const { strategies } = adapted({ platform });
    connection.say("change", { effectiveType: "2g" });
    expect(strategies()).toEqual(["immediate", "batch"]);
    connection.say("change", { effectiveType: "4g" });
    vi.advanceTimersByTime(STEADY_MS - 1);
    expect(strategies()).toEqual(["immediate", "batch"]);
    vi.advanceTimersByTime(1);
    expect(strategies()).toEqual(["immediate", "batch", "immediate"]);
  });

  test("does not change its mind while a connection comes and goes", () => {
    const { connection, platform } = browser();
    const { strategies } = adapted({ platform });
    for (let at = 0; at < 50; at += 1) {
      connection.say("change", { effectiveType: at % 2 === 0 ? "2g" : "4g" });
      vi.advanceTimersByTime(STEADY_MS / 2);
    }
    expect(strategies()).toEqual(["immediate", "batch"]);
  });

  test("saves data as soon as the person asks for it, and stops at once", () => {
    const { connection, platform } = browser();
    const { strategies, decision } = adapted({ platform });
    connection.say("change", { saveData: true });
    expect(decision()).toMatchObject({ isSaving: true, mayPrefetch: false });
    connection.say("change", { saveData: false });
    expect(strategies()).toEqual(["immediate", "batch", "immediate"]);
  });

  test("connects only now and then while the battery is low and nobody looks, and at once when somebody does", async () => {
    const { battery, document, platform } = browser();
    const { strategies } = adapted({ platform });
    await vi.advanceTimersByTimeAsync(0);
    battery.say("levelchange", { level: 0.1 });
    document.say("visibilitychange", { visibilityState: "hidden" });
    document.say("visibilitychange", { visibilityState: "visible" });
    battery.say("chargingchange", { charging: true });
    expect(strategies()).toEqual(["immediate", "batch", "scheduled", "batch", "immediate"]);
  });

  describe("of several tabs", () => {
    /** Tabs that can talk, and end without a word. */
    class Channel {
      static all = new Set<Channel>();
      onmessage: ((event: { data: unknown }) => void) | undefined;
      readonly name: string;
      constructor(name: string) {
        this.name = name;
        Channel.all.add(this);
      }
      postMessage(data: unknown): void {
        for (const other of Channel.all) if (other !== this && other.name === this.name) other.onmessage?.({ data });
      }
      close(): void {
        Channel.all.delete(this);
      }
    }

    beforeEach(() => void vi.stubGlobal("BroadcastChannel", Channel));
    afterEach(() => {
      vi.unstubAllGlobals();
      Channel.all.clear();
    });

    function hidden() {
      const parts = browser();
      parts.document.visibilityState = "hidden";
      parts.connection.saveData = true;
      return { parts, ...adapted({ platform: parts.platform }) };
    }

    test("stays connected in a hidden one while somebody sees another", () => {
      const leader = hidden();
      expect(leader.decision().strategy.kind).toBe("scheduled");
      const seen = browser();
      const other = adapted({ platform: seen.platform });
      expect(leader.decision().strategy.kind).toBe("batch");
      seen.document.say("visibilitychange", { visibilityState: "hidden" });
      expect(leader.decision().strategy.kind).toBe("scheduled");
      seen.document.say("visibilitychange", { visibilityState: "visible" });
      expect(leader.decision().strategy.kind).toBe("batch");
      other.close();
      expect(leader.decision().strategy.kind).toBe("scheduled");
    });

    test("knows of one that was seen before it began itself", () => {
      adapted({ platform: browser().platform });
      expect(hidden().decision().strategy.kind).toBe("batch");
    });

    test("believes one that was killed for a while only, and one that goes on for ever", () => {
      const leader = hidden();
      adapted({ platform: browser().platform });
      vi.advanceTimersByTime(10 * VISIBLE_VALID_MS);
      expect(leader.decision().strategy.kind).toBe("batch");
      for (const channel of [...Channel.all].slice(1)) channel.postMessage = () => {};
      vi.advanceTimersByTime(VISIBLE_VALID_MS + VISIBLE_SAY_MS);
      expect(leader.decision().strategy.kind).toBe("scheduled");
    });
  });

  test("measures round trips where the browser tells nothing of the connection", async () => {
    const { window, document } = browser();
    let takesMs = 2_000;
    let probes = 0;
    const probe = () => {
      probes += 1;
      return new Promise((done) => setTimeout(done, takesMs));
    };
    const { decision } = adapted({ platform: { navigator: {}, document, window }, probe });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(decision().quality).toBe("slow");
    takesMs = 20;
    // The median of five is short once three are, and then it must last.
    await vi.advanceTimersByTimeAsync(3 * PROBE_EVERY_MS + STEADY_MS);
    expect(decision().quality).toBe("good");
    const asked = probes;
    document.say("visibilitychange", { visibilityState: "hidden" });
    await vi.advanceTimersByTimeAsync(3 * PROBE_EVERY_MS);
    expect(probes).toBe(asked);
  });

  test("takes what never answers for a long round trip, and a failure for none", async () => {
    const { decision } = adapted({ platform: { navigator: {} }, probe: () => new Promise(() => {}) });
    await vi.advanceTimersByTimeAsync(PROBE_MS_MAX);
    expect(decision().quality).toBe("slow");
    const other = adapted({ platform: { navigator: {} }, probe: () => Promise.reject(new Error("no network")) });
    await vi.advanceTimersByTimeAsync(3 * PROBE_EVERY_MS);
    expect(other.decision().quality).toBe("good");
  });

  test("does not measure where the browser tells", async () => {
    const { platform } = browser();
    const probe = vi.fn(async () => {});
    adapted({ platform, probe });
    await vi.advanceTimersByTimeAsync(3 * PROBE_EVERY_MS);
    expect(probe).not.toHaveBeenCalled();
  });

  test("forgets round trips of another time", () => {
    const { document, window } = browser();
    const { decision, noteRoundTrip } = adapted({ platform: { document, window } });
    for (const ms of [Number.NaN, -5, 3_000]) noteRoundTrip(ms);
    expect(decision().quality).toBe("slow");
    vi.advanceTimersByTime(ROUND_TRIP_VALID_MS);
    window.say("online");
    vi.advanceTimersByTime(STEADY_MS);
    expect(decision().quality).toBe("good");
  });

  test("takes what there is after it was offline", () => {
    const { navigator, window, platform } = browser();
    const { decision } = adapted({ platform });
    navigator.onLine = false;
    window.say("offline");
    expect(decision()).toMatchObject({ quality: "offline", mayPrefetch: false });
    navigator.onLine = true;
    window.say("online");
    expect(decision().quality).toBe("good");
  });

  test("works where there is no browser at all, and with a battery that is denied", async () => {
    expect(adapted({ platform: {} }).decision()).toMatchObject({ quality: "good", strategy: { kind: "immediate" } });
    const denied = adapted({ platform: { navigator: { getBattery: () => Promise.reject(new Error("denied")) } } });
    await vi.advanceTimersByTimeAsync(0);
    expect(denied.decision().isSaving).toBe(false);
  });

  test("lets go of everything when it is closed", async () => {
    const parts = browser();
    const { strategies, close, decisions } = adapted({ platform: parts.platform });
    await vi.advanceTimersByTimeAsync(0);
    parts.connection.say("change", { effectiveType: "2g" });
    close();
    close();
    expect(strategies()).toEqual(["immediate", "batch", "immediate"]);
    expect([parts.connection, parts.battery, parts.document, parts.window].map((each) => each.listeners())).toEqual([0, 0, 0, 0]);
    const made = decisions.length;
    parts.connection.say("change", { effectiveType: "4g" });
    vi.advanceTimersByTime(STEADY_MS);
    expect(decisions.length).toBe(made);
  });
});
