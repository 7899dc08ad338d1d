/** Emits events to the hub, which delivers them. The names are those of spec 004. */

import { pause } from "./backoff.js";
import { COMMON, type Configuration, createScope, type Scope } from "./configured.js";
import { SynclineError } from "./error.js";
import { type AppEvent, complete, type Emitted, type EmitOptions, EVENTS_MAX, progressId, SyncEventType } from "./event.js";
import { connectHub, type Delivery, type QueueStats } from "./hub.js";

export type { Configuration, Read } from "./configured.js";
export { type AppEvent, type Emitted, type EmitOptions, progressId, type RecordChange, SyncEventType } from "./event.js";
export type { Delivery, QueueStats } from "./hub.js";

/** How long `syncEnrollmentNow` and `syncProfileNow` wait for deliveries. Source: spec 004, requirement 8.2, "< 5 seconds". */
const WAIT_MS_MAX = 5_000;
/** Between two looks at first; then twice as long each time, up to the other. */
const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 1_000;
/** How old what `getQueueStats` answers may be before it is asked for anew, in milliseconds. */
const STATS_AGE_MS_MAX = 1_000;
/** Of how many resources the last event is known, for those who want it delivered now. */
const LAST_EVENTS_MAX = 10_000;

const NO_STATS: QueueStats = { total: 0, processing: 0, pending: 0, failed: 0 };

/** What has come of waiting. */
export interface SyncedNow {
  readonly eventId: string;
  /** Whether every endpoint has it. */
  readonly isDelivered: boolean;
  readonly deliveries: readonly Delivery[];
  /** Where to look later, where not everything was delivered in time: the hub goes on with it. */
  readonly statusUrl: string;
}

/** How long to wait at most. */
export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
}

/** Returns functions that speak to a hub of their own; `SyncService` is what most applications use. */
export function createSyncService(configuration: Configuration | Scope = {}) {
  const scope: Scope = "hub" in configuration ? configuration : createScope(configuration);
  const lastEvents = new Map<string, string>();
  let stats: { readonly value: QueueStats; readonly atMs: number } = { value: NO_STATS, atMs: -Infinity };
  let reading: Promise<QueueStats> | undefined;

  const remember = (value: QueueStats): QueueStats => {
    stats = { value, atMs: performance.now() };
    return value;
  };

  const service = {
    /** Says where the hub is; what is left out is read from `SYNCLINE_URL`, `SYNCLINE_TOKEN` and `CRON_SECRET`. */
    configure(configuration: Configuration): void {
      scope.configuration = configuration;
      scope.hub = connectHub(configuration);
    },

    /**
     * Emits an event: once this returns it is on the hub's disk, and every subscriber gets it.
     *
     * It is tried again where nothing is heard of the hub. Where it fails nevertheless nothing is known: emit it again, under the `id` that was
     * given, and there is no second one. An id alone may be given for options.
     */
    async emit(type: string, resourceType: string, resourceId: string, data: unknown, options: EmitOptions | string = {}): Promise<Emitted> {
      const { id, change } = typeof options === "string" ? { id: options } : options;
      const [emitted] = await service.emitAll([{ id, type, resourceType, resourceId, data, change }]);
      if (emitted === undefined) throw new SynclineError("MESSAGE_MALFORMED", "the hub's answer does not have its form");
      return emitted;
    },

    /** Emits up to 100 events at once, in this order. Throws where one of them is refused; the others are emitted all the same. */
    async emitAll(events: readonly AppEvent[]): Promise<readonly Emitted[]> {
      if (events.length > EVENTS_MAX) throw new SynclineError("BODY_TOO_LARGE", `${events.length} events at once; at most ${EVENTS_MAX}`);
      if (events.length === 0) return [];
      const completed = events.map(complete);
      const emitted = await scope.hub.emit(completed);
      for (const { id, resourceType, resourceId } of completed) {
        const key = `${resourceType} ${resourceId}`;
        lastEvents.delete(key);
        lastEvents.set(key, id);
        const [oldest] = lastEvents.keys();
        if (lastEvents.size > LAST_EVENTS_MAX && oldest !== undefined) lastEvents.delete(oldest);
      }
      return emitted;
    },

    /** Emits that an enrollment was created, updated or deleted. */
    emitEnrollmentEvent(type: SyncEventType, enrollmentId: string, data: unknown, options?: EmitOptions): Promise<Emitted> {
      return service.emit(type, "enrollment", enrollmentId, data, options);
    },

    /** Emits that a person's profile was updated. */
    emitProfileEvent(userId: string, data: unknown, options?: EmitOptions): Promise<Emitted> {
      return service.emit(SyncEventType.PROFILE_UPDATED, "user", userId, data, options);
    },

    /** Emits that a person's progress in a course was updated; the data says of whom and in what, too. */
    emitProgressEvent(userId: string, courseId: string, data: object, options?: EmitOptions): Promise<Emitted> {
      return service.emit(SyncEventType.PROGRESS_UPDATED, "progress", progressId(userId, courseId), { ...data, userId, courseId }, options);
    },

    /** Emits an enrollment as it is now and waits, for 5 s at most, until it is delivered. */
    syncEnrollmentNow(enrollmentId: string, options: WaitOptions = {}): Promise<SyncedNow> {
      return syncNow(SyncEventType.ENROLLMENT_UPDATED, "enrollment", enrollmentId, scope.configuration.read?.enrollment, options);
    },

    /** Emits a profile as it is now and waits, for 5 s at most, until it is delivered. */
    syncProfileNow(userId: string, options: WaitOptions = {}): Promise<SyncedNow> {
      return syncNow(SyncEventType.PROFILE_UPDATED, "user", userId, scope.configuration.read?.profile, options);
    },

    /** Nudges the hub, as spec 004's cron job does, and returns what then waits. The hub delivers without it, too. */
    async processQueue(): Promise<QueueStats> {
      return remember(await scope.hub.process());
    },

    /** Returns what waits, as it was last known; asks anew in the background where that is more than a second old. */
    getQueueStats(): QueueStats {
      // Whoever wants to know why there is no answer awaits `readQueueStats`.
      if (performance.now() - stats.atMs > STATS_AGE_MS_MAX) service.readQueueStats().catch(() => undefined);
      return stats.value;
    },

    /** Returns what waits, from the hub. */
    readQueueStats(): Promise<QueueStats> {
      reading ??= scope.hub.status().then(remember).finally(() => (reading = undefined));
      return reading;
    },
  };

  /** Emits what `read` answers, or takes the last event of the resource, and waits. There is no second way of delivery. */
  async function syncNow(type: string, resourceType: string, resourceId: string, read: ((id: string) => unknown) | undefined, { timeoutMs = WAIT_MS_MAX }: WaitOptions): Promise<SyncedNow> {
    const data: unknown = await read?.(resourceId);
    const emitted = data === undefined ? undefined : await service.emit(type, resourceType, resourceId, data);
    const eventId = emitted?.id ?? lastEvents.get(`${resourceType} ${resourceId}`);
    if (eventId === undefined) throw new SynclineError("SYNC_NOTHING_EMITTED", "nothing was emitted of this resource, and there is no way to read it: configure({ read })");
    const end = performance.now() + timeoutMs;
    for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(2 * lookMs, LOOK_MS_MAX)) {
      const { deliveries, isSettled } = await scope.hub.deliveries(eventId);
      const restMs = end - performance.now();
      if (isSettled || restMs <= 0) {
        const isDelivered = isSettled && deliveries.every(({ state }) => state === "delivered");
        return { eventId, isDelivered, deliveries, statusUrl: scope.hub.deliveriesUrl(eventId) };
      }
      await pause(Math.min(lookMs, restMs));
    }
  }

  return service;
}

/** What `createSyncService` returns. */
export type SyncServiceFunctions = ReturnType<typeof createSyncService>;

/** The functions of spec 004. */
export const SyncService: SyncServiceFunctions = createSyncService(COMMON);
