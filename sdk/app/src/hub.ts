/** The hub by HTTP: everything that is known of its routes stands here. */

import { retryWithBackoff } from "./backoff.js";
import { SynclineError } from "./error.js";
import type { AppEvent, Emitted } from "./event.js";

/** Longest time that one request takes, in milliseconds. Source: spec 004's time-out of webhooks. */
const REQUEST_MS_MAX = 10_000;
/** Longest answer that is read, in bytes. */
const ANSWER_BYTES_MAX = 1 << 20;

/** Where the hub is, and what opens it. */
export interface HubFacts {
  /** Its address without `/v1`; `SYNCLINE_URL` unless given. */
  readonly url?: string | undefined;
  /** An access token; `SYNCLINE_TOKEN` unless given. */
  readonly token?: string | undefined;
  /** What opens `/api/sync/process`; `CRON_SECRET` unless given. */
  readonly cronSecret?: string | undefined;
  /** In place of the platform's own. */
  readonly fetch?: typeof fetch | undefined;
}

/** What waits to be delivered. Source: spec 004. */
export interface QueueStats {
  readonly total: number;
  readonly processing: number;
  readonly pending: number;
  readonly failed: number;
}

/** A failure, of an application or of a delivery. */
export interface Failure {
  /** When: ISO 8601. */
  readonly timestamp: string;
  /** The type of the event, or what was done. */
  readonly type: string;
  readonly resourceType: string;
  readonly resourceId: string;
  /** The code or the name of the error; never what it was about. */
  readonly error: string;
  readonly retryCount: number;
}

/** Failures, counted. Source: spec 004. */
export interface FailureStats {
  readonly totalFailures: number;
  readonly failuresByType: Readonly<Record<string, number>>;
  readonly failuresByResource: Readonly<Record<string, number>>;
  readonly averageRetries: number;
}

/** How the hub does, in its own words. */
export interface HubHealth {
  readonly healthy: boolean;
  readonly failureRate: number;
  readonly recentFailures: number;
  readonly message: string;
  readonly failures: readonly Failure[];
  readonly failureStats: FailureStats | undefined;
}

/** What became of an event at one endpoint. */
export interface Delivery {
  readonly endpoint: string;
  /** `delivered`, `dead` and `cancelled` are final. */
  readonly state: string;
  readonly attempts: number;
}

/** A hub. Every method throws `SynclineError`: the hub's own code, or `HUB_UNREACHABLE`. */
export interface Hub {
  /**
   * Has events written to the log; they are on the hub's disk once it answers. Tries again, which makes no second event.
   *
   * Throws where one of them was not emitted; the others were.
   */
  emit(events: readonly (AppEvent & { readonly id: string })[]): Promise<readonly Emitted[]>;
  status(): Promise<QueueStats>;
  /** Nudges the deliveries. The hub sends without being asked: this does no harm and is not needed. */
  process(): Promise<QueueStats>;
  health(): Promise<HubHealth>;
  /** What became of an event, and whether nothing more will. */
  deliveries(id: string): Promise<{ readonly deliveries: readonly Delivery[]; readonly isSettled: boolean }>;
  /** Where a person or a program finds that. */
  deliveriesUrl(id: string): string;
}

/** Returns the hub at an address; nothing is asked before something is wanted. */
export function connectHub(facts: HubFacts = {}): Hub {
  const url = (): string => {
    const given = facts.url ?? process.env.SYNCLINE_URL;
    if (given === undefined || given === "") throw new SynclineError("CLIENT_NO_HUB", "no hub is named: set SYNCLINE_URL, or configure({ url })");
    return given.replace(/\/+$/, "");
  };
  const token = (): Record<string, string> => {
    const given = facts.token ?? process.env.SYNCLINE_TOKEN;
    return given === undefined ? {} : { authorization: `Bearer ${given}` };
  };
  const ask = async (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<{ readonly ok: boolean; readonly status: number; readonly body: unknown }> => {
    const response = await request(facts.fetch ?? fetch, `${url()}${path}`, { method, headers, ...(body !== undefined && { body }) });
    const told = await read(response);
    // Its health is an answer, also where its status says that it fails.
    const isProblem = !response.ok && !(isObject(told) && ("healthy" in told || (isObject(told["data"]) && "healthy" in told["data"])));
    if (isProblem) throw problemOf(response, told);
    return { ok: response.ok, status: response.status, body: told };
  };
  const deliveriesPath = (id: string): string => `/v1/events/${encodeURIComponent(id)}/deliveries`;
  return {
    async emit(events) {
      const body = JSON.stringify({ events });
      // What an attempt has emitted the next one is told no place of.
      const places = new Map<string, number>();
      return retryWithBackoff(async () => {
        const told = await ask("POST", "/v1/events", { ...token(), "content-type": "application/json" }, body);
        const answers = listOf(told.body, "events");
        if (answers.some((one, at) => one["id"] !== events[at]?.id) || answers.length !== events.length) throw malformed();
        for (const one of answers) if (one["sequence"] !== undefined) places.set(textOf(one, "id"), numberOf(one, "sequence"));
        const refused = answers.find((one) => one["problem"] !== undefined);
        if (refused !== undefined) throw refusalOf(refused["problem"]);
        return events.map(({ id }) => ({ id, sequence: places.get(id) }));
      });
    },
    status: async () => statsOf((await ask("GET", "/api/sync/status", token())).body),
    async process() {
      const secret = facts.cronSecret ?? process.env.CRON_SECRET;
      return statsOf((await ask("POST", "/api/sync/process", { ...token(), ...(secret !== undefined && { "x-cron-secret": secret }) })).body);
    },
    health: async () => healthOf((await ask("GET", "/api/sync/health", token())).body),
    async deliveries(id) {
      const { body } = await ask("GET", deliveriesPath(id), token());
      const deliveries = listOf(body, "deliveries").map((one) => ({ endpoint: textOf(one, "endpoint"), state: textOf(one, "state"), attempts: numberOf(one, "attempts") }));
      // An event that no attempt was made for yet has no deliveries either: only the hub knows.
      const told = isObject(body) ? body["settled"] : undefined;
      const isSettled = typeof told === "boolean" ? told : deliveries.length > 0 && deliveries.every(({ state }) => FINAL.includes(state));
      return { deliveries, isSettled };
    },
    deliveriesUrl: (id) => `${url()}${deliveriesPath(id)}`,
  };
}

const FINAL: readonly string[] = ["delivered", "dead", "cancelled"];

async function request(send: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await send(url, { ...init, redirect: "error", signal: AbortSignal.timeout(REQUEST_MS_MAX) });
  } catch (cause) {
    throw new SynclineError("HUB_UNREACHABLE", "the hub does not answer", { retryable: true, cause });
  }
}

/** Reads an answer, but not one without an end. */
async function read(response: Response): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > ANSWER_BYTES_MAX) throw malformed();
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof SynclineError) throw cause;
    throw new SynclineError("HUB_UNREACHABLE", "the hub broke off its answer", { retryable: true, cause });
  }
  const text = Buffer.concat(parts).toString("utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // What stands between may answer what it likes where something is wrong.
    if (!response.ok) return undefined;
    throw new SynclineError("MESSAGE_MALFORMED", "the hub's answer is not JSON", { cause });
  }
}

function problemOf({ status, headers }: Response, body: unknown): SynclineError {
  const { code, title } = isObject(body) ? body : {};
  const hasCode = typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code);
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return new SynclineError(hasCode ? code : "HUB_UNREACHABLE", typeof title === "string" ? title : `the answer has the status ${status}`, {
    status,
    retryable: status === 408 || status === 429 || status >= 500,
    retryAfterMs: Number.isNaN(seconds) ? undefined : seconds * 1000,
  });
}

/** Returns why one event among several was not emitted. */
function refusalOf(problem: unknown): SynclineError {
  if (!isObject(problem)) return malformed();
  return new SynclineError(textOf(problem, "code"), textOf(problem, "detail"), { retryable: problem["retryable"] === true });
}

function malformed(): SynclineError {
  return new SynclineError("MESSAGE_MALFORMED", "the hub's answer does not have its form");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns what is in an answer: routes of spec 004 may put it into an envelope. */
function inside(body: unknown): Readonly<Record<string, unknown>> {
  const found = isObject(body) && isObject(body["data"]) && isObject(body["metadata"]) ? body["data"] : body;
  if (!isObject(found)) throw malformed();
  return found;
}

function listOf(body: unknown, name: string): readonly Readonly<Record<string, unknown>>[] {
  const list = inside(body)[name];
  if (!Array.isArray(list) || !list.every(isObject)) throw malformed();
  return list;
}

function textOf(one: Readonly<Record<string, unknown>>, name: string): string {
  const value = one[name];
  if (typeof value !== "string") throw malformed();
  return value;
}

function numberOf(one: Readonly<Record<string, unknown>>, name: string): number {
  const value = one[name];
  if (typeof value !== "number") throw malformed();
  return value;
}

function statsOf(body: unknown): QueueStats {
  const stats = inside(body);
  return { total: numberOf(stats, "total"), processing: numberOf(stats, "processing"), pending: numberOf(stats, "pending"), failed: numberOf(stats, "failed") };
}

function healthOf(body: unknown): HubHealth {
  const health = inside(body);
  const { healthy, recentFailures, failureStats } = health;
  if (typeof healthy !== "boolean") throw malformed();
  const failures = Array.isArray(recentFailures) ? recentFailures.filter(isObject).map(failureOf) : [];
  return {
    healthy,
    failureRate: numberOf(health, "failureRate"),
    recentFailures: Array.isArray(recentFailures) ? recentFailures.length : numberOf(health, "recentFailures"),
    message: textOf(health, "message"),
    failures,
    failureStats: isObject(failureStats) ? failureStatsOf(failureStats) : undefined,
  };
}

function failureOf(one: Readonly<Record<string, unknown>>): Failure {
  const [timestamp, type, resourceType, resourceId, error] = ["timestamp", "type", "resourceType", "resourceId", "error"].map((name) => textOf(one, name)) as [string, string, string, string, string];
  return { timestamp, type, resourceType, resourceId, error, retryCount: numberOf(one, "retryCount") };
}

function failureStatsOf(stats: Readonly<Record<string, unknown>>): FailureStats {
  const counts = (name: string): Readonly<Record<string, number>> => {
    const found = stats[name];
    if (!isObject(found)) throw malformed();
    return Object.fromEntries(Object.keys(found).map((key) => [key, numberOf(found, key)]));
  };
  return {
    totalFailures: numberOf(stats, "totalFailures"),
    failuresByType: counts("failuresByType"),
    failuresByResource: counts("failuresByResource"),
    averageRetries: numberOf(stats, "averageRetries"),
  };
}
