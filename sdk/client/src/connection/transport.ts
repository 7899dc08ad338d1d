/** A way to reach a hub. Whatever it is, it speaks the messages of a live connection (`docs/protocol.md` §5). */

import { readProblem } from "../protocol/long.js";
import { ANSWER_BYTES_MAX } from "../protocol/limits.js";
import type { ClientMessage, HubMessage, Problem } from "../protocol/message.js";
import { SynclineError } from "../error.js";
import type { Lost } from "../session/session.js";
import type { StoreSide } from "../store/side.js";

/** The names of the ways, in the order in which they are tried. */
export type Way = "websocket" | "events" | "poll";

/** Who hears what comes in. */
export interface Listener {
  message(message: HubMessage): void;
  /** Something came in that is no message. */
  traffic(): void;
  /** The connection has ended; nothing comes after that. `trouble`: what a person is to be told of it. */
  lost(lost: Lost, trouble?: Trouble): void;
}

/** Something that went wrong, for a person to be told; nothing is lost. */
export interface Trouble {
  readonly code: string;
  readonly detail: string;
}

/** An open connection. */
export interface Connection {
  /** Takes a message; how many there can be at once the session bounds. */
  send(message: ClientMessage): void;
  /** Ends it, with a code of a WebSocket. Nothing is heard of it any more. */
  close(code: number): void;
}

/** What is needed to open one. */
export interface Address {
  /** The hub's address without `/v1`, and without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** Gives the attempt up, and later whatever the connection still asks for. */
  readonly signal: AbortSignal;
  /** Says what the records of a view add up to, to a hub that compares by itself. */
  readonly sum: StoreSide["sum"];
}

/** Opens a connection, or throws an `Unreached`. */
export type Open = (address: Address, listener: Listener) => Promise<Connection>;

/** Why a connection could not be made. */
export class Unreached extends Error {
  readonly lost: Lost;
  /** Whether the hub can be reached, but not by this way. */
  readonly isOfWay: boolean;

  constructor(lost: Lost, isOfWay = false) {
    super("the hub was not reached");
    this.lost = lost;
    this.isOfWay = isOfWay;
  }
}

/** What a hub said to a request that it refused. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super("the hub refused a request");
    this.problem = problem;
  }
}

/** Returns what a person is to be told of an error: nothing of what may hold what others wrote. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof Refused) return { code: error.problem.code, detail: error.problem.detail };
  return error instanceof SynclineError ? { code: error.code, detail: error.message } : undefined;
}

/** Returns what an answer that is no success says of the connection. */
export function lostBy({ status, headers }: Response): Lost {
  if (status === 401) return "unauthorised";
  const afterMs = Number(headers.get("retry-after")) * 1_000;
  // What does not say when is come back to less and less often.
  return (status === 429 || status === 503) && afterMs > 0 ? { afterMs } : "broken";
}

/** Asks something of a hub over HTTP; throws an `Unreached` where no answer comes. */
export async function ask({ url, token, signal }: Omit<Address, "sum">, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  try {
    return await fetch(`${url}/v1/${path}`, { cache: "no-store", ...init, headers, signal });
  } catch {
    throw new Unreached("broken");
  }
}

/** Returns the text of an answer; throws where that is longer than any that a hub gives. */
export async function textOf(answer: Response): Promise<string> {
  // Some platforms answer with all of a body or nothing.
  if (!answer.body) return answer.text();
  const reader = answer.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw new SynclineError("MESSAGE_TOO_LARGE", "what the hub says is longer than any answer");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Returns what to throw for an answer that is no success. */
export async function refusalOf(answer: Response): Promise<Error> {
  const lost = lostBy(answer);
  if (lost !== "broken") return new Unreached(lost);
  try {
    return new Refused(readProblem(await textOf(answer)));
  } catch {
    return new Unreached("broken");
  }
}
