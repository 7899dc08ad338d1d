/** What is measured, and how: around a client, by what an app does with it. */

import type { Client, Edited, LiveQuery, Status } from "../api.js";
import { createHistogram, type Timing } from "./histogram.js";
import { CONFLICTS_MAX, ERROR_EDITS_MIN, ERROR_WINDOW_MS, FATE_MS_MAX, REPORT_MS, WATCHED_MAX } from "./limits.js";

/** Bytes as far as somebody knows them, from the beginning on. */
export interface Transfer {
  readonly sent: number;
  readonly received: number;
  /** The same before it was compressed. */
  readonly sentPlain?: number;
  readonly receivedPlain?: number;
}

/** Names and numbers, from the beginning on. Times are in milliseconds, shares from 0 to 1; what is not known is not there. */
export interface Report {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  readonly counts: {
    /** Edits that were made; those that the hub has applied, with or without a conflict; those that the device or the hub refused. */
    readonly "sync.operations.started": number;
    readonly "sync.operations.success": number;
    readonly "sync.operations.failed": number;
    /** Edits made without a connection, and those of them that were durable on the device. */
    readonly "sync.offline.started": number;
    readonly "sync.offline.success": number;
    readonly "sync.conflicts.detected": number;
    /** Settled by a rule of the hub; by a person, here or elsewhere. */
    readonly "sync.conflicts.automatic": number;
    readonly "sync.conflicts.resolved": number;
    readonly "sync.repairs": number;
  };
  readonly timings: {
    /** From an edit made with a connection to what the hub made of it. */
    readonly "sync.operations.duration": Timing;
    /** From an edit to where it is durable on the device. */
    readonly "sync.local.duration": Timing;
    /** From when a person has to decide a conflict to when it is decided. */
    readonly "sync.conflicts.duration": Timing;
    /** How old what is read may be: since when everything was taken in. 0 while it is. */
    readonly "sync.freshness": Timing;
  };
  readonly gauges: {
    /** From the beginning to the first record that was read, and to when everything was taken in. */
    readonly "sync.time_to_data"?: number;
    readonly "sync.time_to_up_to_date"?: number;
    readonly "sync.success_rate"?: number;
    readonly "sync.offline.success_rate"?: number;
    /** Of the edits that the hub applied, those in conflict; of the conflicts, those that a rule settled. */
    readonly "sync.conflicts.rate"?: number;
    readonly "sync.conflicts.automatic_rate"?: number;
    readonly "sync.pending": number;
    readonly "sync.quarantined": number;
    readonly "sync.age"?: number;
    readonly "sync.bytes.sent"?: number;
    readonly "sync.bytes.received"?: number;
    /** What was saved by compression: plain bytes to one byte. */
    readonly "sync.bytes.compression"?: number;
  };
}

/** More edits than allowed have failed of late. */
export interface Alert {
  readonly name: "high_error_rate";
  readonly rate: number;
  readonly edits: number;
}

export interface TelemetryOptions {
  readonly onReport?: (report: Report) => void;
  /** How often; every 5 seconds. */
  readonly everyMs?: number;
  /** Where time to data is counted from; from this call on otherwise. In a page `performance.timeOrigin` says when it was asked for. */
  readonly startedAt?: number;
  /** What is known of the bytes that went over the network. */
  readonly transfer?: () => Transfer | undefined;
  /** Calls once the share of edits that failed within five minutes is above a bound, and again after it was below. */
  readonly alert?: { readonly errorRate: number; readonly onAlert: (alert: Alert) => void };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface Telemetry {
  /** The client; what is done through it is measured. */
  readonly client: Client;
  report(): Report;
  /** Makes a last report and ends. The client stays open. */
  close(): void;
}

/** Returns a client that measures what is done through it. */
export function telemetry(client: Client, options: TelemetryOptions = {}): Telemetry {
  const { onReport, everyMs = REPORT_MS, transfer, alert, now = () => Date.now() } = options;
  const startedAt = options.startedAt ?? now();
  const counts = { started: 0, success: 0, failed: 0, offlineStarted: 0, offlineSuccess: 0, detected: 0, automatic: 0, resolved: 0 };
  const applied = { all: 0, inConflict: 0 };
  const toHub = createHistogram();
  const toDevice = createHistogram();
  const toDecision = createHistogram();
  const freshness = createHistogram();
  const failures = createWindow();
  /** Conflicts that wait for a person, and since when. */
  const waiting = new Map<string, number>();
  let watched = 0;
  let timeToData: number | undefined;
  let timeToUpToDate: number | undefined;
  let isAlerted = false;

  const isConnected = (status: Status) => status.network === "online" || status.network === "up-to-date";
  const since = (whenMs: number) => Math.max(0, now() - whenMs);

  function age(status: Status): number | undefined {
    if (status.network === "up-to-date") return 0;
    return status.upToDateAt === undefined ? undefined : since(status.upToDateAt);
  }

  /** Takes note that somebody read, and whether there was something. */
  function noteRead(hasData: boolean): void {
    if (hasData && timeToData === undefined) timeToData = since(startedAt);
    const old = age(client.status());
    if (hasData && old !== undefined) freshness.note(old);
  }

  function noteEnd(hasFailed: boolean): void {
    if (hasFailed) counts.failed += 1;
    else counts.success += 1;
    const { edits, rate } = failures.note(now(), hasFailed);
    if (alert === undefined || edits < ERROR_EDITS_MIN) return;
    const isHigh = rate > alert.errorRate;
    if (isHigh && !isAlerted) alert.onAlert({ name: "high_error_rate", rate, edits });
    isAlerted = isHigh;
  }

  function noteConflicts(ids: readonly string[], isOpen: (id: string) => boolean): void {
    for (const id of ids) {
      if (waiting.has(id)) continue;
      counts.detected += 1;
      if (!isOpen(id)) counts.automatic += 1;
      else if (waiting.size < CONFLICTS_MAX) waiting.set(id, now());
    }
  }

  /** Takes note of conflicts that wait no more. */
  function noteSettled(): void {
    const open = openConflicts();
    for (const [id, sinceMs] of waiting) {
      if (open.has(id)) continue;
      waiting.delete(id);
      counts.resolved += 1;
      toDecision.note(since(sinceMs));
    }
    noteConflicts([...open], () => true);
  }

  const openConflicts = () => new Set(client.conflicts().flatMap((shown) => shown.conflicts.map((conflict) => conflict.id)));

  /** Follows an edit from when it is made to what the hub makes of it. */
  async function measured(edit: () => Promise<Edited>): Promise<Edited> {
    const madeAt = now();
    const wasConnected = isConnected(client.status());
    counts.started += 1;
    if (!wasConnected) counts.offlineStarted += 1;
    let edited: Edited;
    try {
      edited = await edit();
    } catch (error) {
      noteEnd(true);
      throw error;
    }
    toDevice.note(since(madeAt));
    if (!wasConnected) counts.offlineSuccess += 1;
    if (watched < WATCHED_MAX) {
      watched += 1;
      void watch(edited, madeAt, wasConnected).finally(() => (watched -= 1));
    }
    return edited;
  }

  async function watch(edited: Edited, madeAt: number, wasConnected: boolean): Promise<void> {
    // A time that ran out, a client that was closed: nothing is known of the edit then.
    const fate = await client.settled(edited, FATE_MS_MAX).catch(() => undefined);
    if (fate === undefined) return;
    noteEnd(fate.status === "refused");
    if (fate.status === "refused") return;
    if (wasConnected) toHub.note(since(madeAt));
    applied.all += 1;
    if (fate.status !== "conflict") return;
    applied.inConflict += 1;
    const open = openConflicts();
    noteConflicts(fate.conflicts, (id) => open.has(id));
  }

  function noteStatus(status: Status): void {
    if (status.network === "up-to-date" && timeToUpToDate === undefined) timeToUpToDate = since(startedAt);
  }

  const through: Client = {
    ...bound(client),
    get id() {
      return client.id;
    },
    get(entity, id) {
      const shown = client.get<never>(entity, id);
      noteRead(shown !== undefined);
      return shown;
    },
    query(query) {
      const shown = client.query<never>(query);
      noteRead(shown.length > 0);
      return shown;
    },
    live(query): LiveQuery {
      const live = client.live(query);
      return {
        records() {
          const records = live.records();
          noteRead(records.length > 0);
          return records;
        },
        subscribe: (listener) =>
          live.subscribe((delta) => {
            noteRead(delta.records.length > 0);
            listener(delta);
          }),
      };
    },
    edit: (entity, id, write, facts) => measured(() => client.edit(entity, id, write, facts)),
    delete: (entity, id, facts) => measured(() => client.delete(entity, id, facts)),
    transaction: (write, facts) => measured(() => client.transaction(write, facts)),
  };

  function report(): Report {
    const status = client.status();
    const bytes = transfer?.();
    const plain = bytes && (bytes.sentPlain ?? bytes.sent) + (bytes.receivedPlain ?? bytes.received);
    const settled = counts.automatic + counts.resolved;
    return {
      at: now(),
      counts: {
        "sync.operations.started": counts.started,
        "sync.operations.success": counts.success,
        "sync.operations.failed": counts.failed,
        "sync.offline.started": counts.offlineStarted,
        "sync.offline.success": counts.offlineSuccess,
        "sync.conflicts.detected": counts.detected,
        "sync.conflicts.automatic": counts.automatic,
        "sync.conflicts.resolved": counts.resolved,
        "sync.repairs": status.repairs,
      },
      timings: {
        "sync.operations.duration": toHub.timing(),
        "sync.local.duration": toDevice.timing(),
        "sync.conflicts.duration": toDecision.timing(),
        "sync.freshness": freshness.timing(),
      },
      gauges: known({
        "sync.time_to_data": timeToData,
        "sync.time_to_up_to_date": timeToUpToDate,
        "sync.success_rate": share(counts.success, counts.success + counts.failed),
        "sync.offline.success_rate": share(counts.offlineSuccess, counts.offlineStarted),
        "sync.conflicts.rate": share(applied.inConflict, applied.all),
        "sync.conflicts.automatic_rate": share(counts.automatic, settled),
        "sync.pending": status.pending,
        "sync.quarantined": status.quarantined,
        "sync.age": age(status),
        "sync.bytes.sent": bytes?.sent,
        "sync.bytes.received": bytes?.received,
        "sync.bytes.compression": bytes && plain !== undefined ? share(plain, bytes.sent + bytes.received) : undefined,
      }),
    };
  }

  noteStatus(client.status());
  noteSettled();
  const ends = [client.onStatus(noteStatus), client.onConflicts(noteSettled)];
  const timer = onReport && setInterval(() => onReport(report()), everyMs);
  let isClosed = false;
  return {
    client: through,
    report,
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      for (const end of ends) end();
      onReport?.(report());
    },
  };
}

/** Returns a part of a whole; nothing where there is no whole. */
function share(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined;
}

/** Returns what of an object is known. */
function known<T extends object>(object: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** Returns the methods of a client, each of which stays one of it. */
function bound(client: Client): Client {
  const { id } = client;
  return {
    id,
    get: (entity, id) => client.get(entity, id),
    query: (query) => client.query(query),
    live: (query) => client.live(query),
    edit: (entity, id, write, facts) => client.edit(entity, id, write, facts),
    delete: (entity, id, facts) => client.delete(entity, id, facts),
    transaction: (write, facts) => client.transaction(write, facts),
    settled: (edited, timeoutMs) => client.settled(edited, timeoutMs),
    status: () => client.status(),
    onStatus: (listener) => client.onStatus(listener),
    onNotice: (listener) => client.onNotice(listener),
    conflicts: () => client.conflicts(),
    onConflicts: (listener) => client.onConflicts(listener),
    conflict: (id) => client.conflict(id),
    decide: (id, decision) => client.decide(id, decision),
    quarantine: () => client.quarantine(),
    retry: (operation) => client.retry(operation),
    discard: (operation) => client.discard(operation),
    sync: (timeoutMs) => client.sync(timeoutMs),
    setOnline: (isOnline) => client.setOnline(isOnline),
    setStrategy: (strategy) => client.setStrategy(strategy),
    logout: () => client.logout(),
    close: () => client.close(),
  };
}

/** What ended in the last minutes, in slots of time: as many, whatever is done. */
function createWindow() {
  const slots = Array.from({ length: 30 }, () => ({ number: -1, edits: 0, failed: 0 }));
  const slotMs = ERROR_WINDOW_MS / slots.length;
  return {
    /** Takes note of one, and returns how many there were, and what share of them failed. */
    note(nowMs: number, hasFailed: boolean): { edits: number; rate: number } {
      const number = Math.floor(nowMs / slotMs);
      const at = number % slots.length;
      if (slots[at]?.number !== number) slots[at] = { number, edits: 0, failed: 0 };
      let edits = 0;
      let failed = 0;
      for (const slot of slots) {
        if (slot.number === number) {
          slot.edits += 1;
          if (hasFailed) slot.failed += 1;
        }
        if (slot.number > number - slots.length) {
          edits += slot.edits;
          failed += slot.failed;
        }
      }
      return { edits, rate: edits > 0 ? failed / edits : 0 };
    },
  };
}
