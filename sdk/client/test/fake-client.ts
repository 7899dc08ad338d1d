/** A client without a store, for what is built around one: it does what the test says. */

import type { Client, Delta, Edited, Fate, Shown, Status } from "../src/api.js";

export const STATUS: Status = {
  network: "up-to-date",
  transport: "websocket",
  isLeader: true,
  isUnauthorised: false,
  pending: 0,
  quarantined: 0,
  kept: 0,
  repairs: 0,
  upToDateAt: 0,
  durability: "memory",
};

export interface FakeClient extends Client {
  /** Changes the status and tells it. */
  be(status: Partial<Status>): void;
  /** Changes which records have conflicts and tells it. */
  conflicted(records: readonly Shown[]): void;
  /** What every edit meets with: a promise that is never kept unless the test keeps it. */
  fate: (edited: Edited) => Promise<Fate>;
  edited: () => Promise<Edited>;
  shown: Shown[];
  /** What was called, in order. */
  readonly calls: unknown[][];
}

/** Returns a client that holds nothing, is up to date and applies whatever it is given. */
export function fakeClient(parts: Partial<Client> = {}): FakeClient {
  let status = STATUS;
  let conflicts: readonly Shown[] = [];
  let counter = 0;
  const statusListeners = new Set<(status: Status) => void>();
  const conflictListeners = new Set<(records: readonly Shown[]) => void>();
  const calls: unknown[][] = [];
  const listen = <T>(listeners: Set<T>, listener: T) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const client: FakeClient = {
    id: "fake-1",
    calls,
    shown: [],
    be(changed) {
      status = { ...status, ...changed };
      for (const listener of statusListeners) listener(status);
    },
    conflicted(records) {
      conflicts = records;
      for (const listener of conflictListeners) listener(conflicts);
    },
    fate: async () => ({ status: "applied", version: "v" }),
    edited: async () => ({ operations: [(counter += 1)] }),
    get: <T>(entity: string, id: string) => client.shown.find((shown) => shown.entity === entity && shown.id === id) as T | undefined as never,
    query: () => client.shown as never,
    live: () => ({ records: () => client.shown, subscribe: (_: (delta: Delta) => void) => () => {} }),
    edit: () => client.edited(),
    delete: () => client.edited(),
    transaction: () => client.edited(),
    settled: (edited) => client.fate(edited),
    status: () => status,
    onStatus: (listener) => listen(statusListeners, listener),
    onNotice: () => () => {},
    conflicts: () => conflicts,
    onConflicts: (listener) => listen(conflictListeners, listener),
    conflict: () => Promise.reject(new Error("the test has no conflict")),
    decide: async () => {},
    quarantine: () => [],
    retry: () => client.edited(),
    discard: async () => {},
    sync: async (timeoutMs) => void calls.push(["sync", timeoutMs]),
    setOnline: (isOnline) => void calls.push(["setOnline", isOnline]),
    setStrategy: (strategy) => void calls.push(["setStrategy", strategy]),
    logout: async () => void calls.push(["logout"]),
    close: async () => void calls.push(["close"]),
    ...parts,
  };
  return client;
}
