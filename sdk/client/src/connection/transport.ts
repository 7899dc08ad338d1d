/** A way to reach a hub. Whatever it is, it speaks the messages of a live connection (`docs/protocol.md` §5). */

import type { ClientMessage, HubMessage } from "../protocol/message.js";
import type { Lost } from "../session/session.js";
import type { StoreSide } from "../store/side.js";

/** The names of the ways, in the order in which they are tried. */
export type Way = "websocket" | "events" | "poll";

/** Who hears what comes in. */
export interface Listener {
  message(message: HubMessage): void;
  /** Something came in that is no message. */
  traffic(): void;
  /** The connection has ended; nothing comes after that. */
  lost(lost: Lost): void;
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

/** How long to wait where a hub asks to come back later and does not say when, in seconds. */
const RETRY_AFTER_S = 1;

/** Returns what an answer that is no success says of the connection. */
export function lostBy({ status, headers }: Response): Lost {
  if (status === 401) return "unauthorised";
  const isLater = status === 429 || status === 503;
  return isLater ? { afterMs: (Number(headers.get("retry-after")) || RETRY_AFTER_S) * 1_000 } : "broken";
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
