/** What the hub answers, as its OpenAPI describes it; only what the pages use. */

export type Role = "client" | "reviewer" | "editor" | "operator" | "admin";

export interface Session {
  readonly name: string;
  readonly role: Role;
  readonly hub: string;
  readonly client?: string;
  readonly csrf?: string;
  readonly ends?: string;
}

/** A value of a record, whatever it is. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type RecordValue = { readonly [name: string]: Json };

export interface Side {
  readonly stamp: string;
  readonly writer?: string;
  readonly editedMs: number;
  readonly value?: Json;
}

interface About {
  readonly title?: string;
  readonly description?: string;
}

export interface Conflict {
  readonly conflict: string;
  readonly entity: string;
  readonly id: string;
  readonly path: string;
  readonly kind: "values" | "texts" | "deletion" | "minimum" | "shapes" | "other";
  readonly status: "open" | "settled" | "resolved" | "closed";
  readonly shown?: string;
  readonly base?: Json;
  readonly sides: readonly Side[];
  readonly decision?: { readonly by: string; readonly atMs: number };
  readonly approval?: readonly string[];
  readonly skipped?: { readonly by: string; readonly atMs: number };
  readonly context?: { readonly shape?: string; readonly rule?: string; readonly entity?: About; readonly field?: About };
}

export type Choice = { readonly take: string } | { readonly value: Json } | { readonly both: string } | { readonly keep: true } | { readonly delete: true };

export interface Offer {
  readonly choice: Choice;
  readonly record: RecordValue | null;
}

export interface Change {
  readonly entity: string;
  readonly id: string;
  readonly position?: number;
  readonly at?: string;
  readonly record?: RecordValue | null;
  readonly gone?: string;
  readonly conflicts?: readonly { readonly id: string; readonly path: string }[];
}

export interface PastChange {
  readonly position: number;
  readonly at: string;
  readonly by: string;
  readonly kind: string;
  readonly before: RecordValue | null;
  readonly after: RecordValue | null;
}

export interface Sign {
  readonly kind: "hmac" | "ed25519" | "plain";
  readonly since?: string;
  readonly until?: string;
  /** Whether it signs now. */
  readonly counts?: boolean;
}

export interface Endpoint {
  readonly id: string;
  readonly url: string;
  readonly description?: string;
  readonly events: readonly string[];
  readonly schedule?: readonly number[];
  readonly timeoutMs?: number;
  readonly inFlight?: number;
  readonly perSecond?: number;
  readonly disableAfterMs?: number;
  readonly created?: string;
  readonly pending: number;
  readonly retrying?: number;
  readonly lag: number;
  readonly breaker?: "closed" | "open" | "half_open";
  readonly oldest?: string;
  readonly failingSince?: string;
  readonly pausedUntil?: string;
  readonly disablesAt?: string;
  readonly disabled?: "gone" | "failing" | "by_hand";
  readonly disabledAt?: string;
  readonly signs?: readonly Sign[];
  readonly secrets?: readonly string[];
  readonly transformation?: string | null;
  readonly filter?: string | null;
  readonly keepDeliveredMs?: number | null;
  readonly keepDeadMs?: number | null;
  /** The table of a row of it that cannot be read. */
  readonly damaged?: string;
}

export interface Attempt {
  readonly at: string;
  readonly durationMs: number;
  readonly status?: number;
  readonly reason?: string;
  readonly answer?: string;
  readonly result?: "unknown" | "delivered" | "failed";
}

export type DeliveryState = "waiting" | "parked" | "sending" | "retrying" | "delivered" | "dead" | "cancelled";

export interface Delivery {
  readonly sequence: number;
  readonly event: string;
  readonly type: string;
  readonly resourceType?: string;
  readonly resourceId?: string;
  readonly state: DeliveryState;
  readonly created?: string;
  readonly attempts: readonly Attempt[];
  readonly bytes?: number;
  readonly tries?: number;
  readonly replays?: number;
  readonly nextAt?: string;
  readonly request?: DeliveryRequest;
}

/** What would be sent of a delivery now, or was last; or why nothing can be. */
export interface DeliveryRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bodyBytes?: number;
  readonly body?: string;
  readonly reason?: string;
  readonly why?: string;
}

/** How many deliveries a replay would send. */
export interface ReplayCount {
  readonly count: number;
  readonly forgotten: number;
  /** How many more may have been missed or delivered, which nobody knows any more. */
  readonly notKept: number;
  readonly complete: boolean;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly byType: Readonly<Record<string, number>>;
}

export interface Replay {
  readonly id: string;
  readonly state: "running" | "done" | "stopped";
  readonly created: string;
  readonly by: string;
  readonly counted: number;
  readonly taken: number;
  readonly passed: number;
  readonly endpoints: readonly { readonly endpoint: string }[];
}

export interface Tested {
  readonly delivered: boolean;
  readonly durationMs: number;
  readonly status?: number;
  readonly reason?: string;
  readonly answer?: string;
}

export interface Scheme {
  readonly scheme: string;
  readonly verified: boolean;
  readonly secret?: Sign;
  readonly code?: string;
  readonly text?: string;
  readonly hints?: readonly string[];
}

export interface DeadDelivery {
  readonly endpoint: string;
  readonly sequence: number;
  readonly type: string;
  readonly at: string;
  readonly reason: string;
  readonly resourceType?: string;
  readonly resourceId?: string;
  readonly tries?: number;
  /** Whether what became of it until then cannot be read. */
  readonly damaged?: true;
}

/** The place of a delivery of which not even that can be read why it was given up. */
export interface DamagedDelivery {
  readonly endpoint: string;
  readonly sequence: number;
}

export interface DeadLetter {
  readonly client: string;
  readonly op: number;
  readonly entity: string;
  readonly code: string;
}

export interface Sample {
  readonly n: number;
  readonly at: string;
  readonly changes: number;
  readonly requests: number;
  readonly requestsFailed: number;
  readonly operations: number;
  readonly operationsRejected: number;
  readonly attempts: number;
  readonly attemptsFailed: number;
  readonly queue: number;
  readonly lagMs: number | null;
  readonly consistency: number | null;
}

export interface Overview {
  readonly at: string;
  readonly health: "pass" | "warn" | "fail";
  readonly reasons: readonly string[];
  readonly now: {
    readonly position: number;
    readonly queue: number;
    readonly lagMs: number | null;
    /** The three are not there where the store does not answer. */
    readonly conflictsOpen?: number;
    readonly conflictsMore?: boolean;
    readonly held?: number;
    readonly endpoints: { readonly all: number; readonly failing: number; readonly disabled: number };
    readonly replicas: { readonly equal: number; readonly different: number; readonly unknown: number };
    readonly consistency: number | null;
    readonly backupBehindMs?: number;
  };
  readonly everySeconds: number;
  readonly samples: readonly Sample[];
}

export interface Notice {
  readonly number: number;
  readonly kind: string;
  readonly endpoint?: string;
  readonly at: string;
  readonly count: number;
}

export type Verdict = "healthy" | "unknown" | "degraded" | "stopped";

export interface Domain {
  readonly kind: "client" | "endpoint" | "files" | "receiver";
  readonly name: string;
  readonly entities: readonly string[];
  readonly follows?: readonly string[];
  readonly verdict: Verdict;
  readonly since?: string;
  readonly reasons: readonly { readonly code: string; readonly about: string; readonly todo: string }[];
  readonly seen?: string;
  readonly pending?: number;
  readonly lastError?: { readonly at: string; readonly code: string; readonly status?: number };
}

export interface Run {
  readonly syncId?: string;
  readonly runId?: string;
  readonly timestamp?: string;
  readonly source?: string;
  readonly target?: string;
  readonly direction?: string;
  readonly status?: string;
  readonly durationMs?: number;
  /** What came of each entity, in numbers. */
  readonly summary?: { readonly [entity: string]: { readonly [name: string]: Json } };
  readonly errors?: readonly RunProblem[];
  readonly notices?: readonly RunProblem[];
}

export interface RunProblem {
  readonly code: string;
  readonly domain?: string;
  readonly entity?: string;
}

export interface EventType {
  readonly type: string;
  readonly origin: "catalogue" | "records";
  readonly description: string;
  readonly retired: boolean;
  readonly version: number;
  readonly schema: RecordValue;
  readonly examples?: readonly Json[];
  readonly versions?: readonly { readonly version: number; readonly by: string; readonly at: string }[];
}

export interface AuditEntry {
  readonly index: number;
  readonly at: string;
  readonly category: string;
  readonly action: string;
  readonly origin: string;
  readonly runId?: string;
  readonly user: string | null;
  readonly details: { readonly [name: string]: Json } | null;
  readonly records: number;
  readonly leaf: string;
}

/** What is too bad now. */
export interface Alert {
  readonly alert: string;
  readonly severity: "warning" | "critical";
  readonly state: "pending" | "firing";
  readonly since: string;
  readonly value: number | null;
  /** Whether the latest look could measure it. */
  readonly current: boolean;
  readonly threshold: number;
  readonly summary: string;
  readonly told: readonly { readonly receiver: string; readonly result: "waiting" | "told" | "failed" | "too_mild" | "later"; readonly at?: string }[];
}

/** What is too bad, and when it was looked. */
export interface Alerts {
  /** The time of the hub. */
  readonly at: string;
  /** When the hub was looked at last; `null` before the first time since the server was started. */
  readonly lookedAt?: string | null;
  readonly everySeconds: number;
  readonly alerts: readonly Alert[];
}

/** A page of a list. */
export interface Next {
  readonly next?: string | number;
}
