/** Asking the hub: one function, one kind of error. */

import { learnServerTime } from "@syncline/elements/react";

/** Longest wait for an answer, in milliseconds: a test of an endpoint may take as long as its own time-out, 30 s. */
const ANSWER_MS_MAX = 60_000;

/** What the hub refused, or that it could not be asked. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** The stable code of the hub; `undefined` where the hub said nothing. */
  readonly code: string | undefined;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly request: string | undefined;

  constructor(facts: { code?: string | undefined; status: number; title: string; detail?: string | undefined; request?: string | undefined }) {
    super(facts.title);
    this.code = facts.code;
    this.status = facts.status;
    this.title = facts.title;
    this.detail = facts.detail;
    this.request = facts.request;
  }
}

/** What a request carries besides its address. */
export interface Asking {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Asks and returns what the answer's JSON says, or its text; throws `HubError`. */
export async function ask(path: string, asking: Asking = {}): Promise<unknown> {
  const { method = "GET", body, headers = {}, signal } = asking;
  const limit = AbortSignal.timeout(ANSWER_MS_MAX);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new HubError({ status: 0, title: "The hub does not answer", detail: "Look whether it runs and whether this device reaches it; this page goes on by itself once it does." });
  }
  // Ages are told by the hub's clock, whatever this device's says.
  learnServerTime(answer);
  const text = await answer.text();
  const said = parsed(text, answer.headers.get("content-type") ?? "");
  if (answer.ok) return said;
  throw refusal(answer.status, said);
}

function parsed(text: string, type: string): unknown {
  if (text === "") return undefined;
  if (!/json/.test(type)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function refusal(status: number, said: unknown): HubError {
  const facts = typeof said === "object" && said !== null ? (said as Record<string, unknown>) : {};
  const text = (name: string): string | undefined => (typeof facts[name] === "string" ? facts[name] : undefined);
  return new HubError({ status, code: text("code"), title: text("title") ?? `The hub answered ${status}`, detail: text("detail"), request: text("request") });
}

/** Returns a key under which a decision that is sent again is done once. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
