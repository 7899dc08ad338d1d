/** A hub's address, the access token for it, and single requests. */

import type { Options } from "../api.js";
import { SynclineError } from "../error.js";
import { parse } from "../json/parse.js";
import { isObject, type Json, type JsonObject } from "../json/value.js";
import { write } from "../json/write.js";
import { hubAddress } from "./address.js";

/** How long one request may take, in milliseconds. */
const REQUEST_MS_MAX = 30_000;

/** Longest answer that is read, in characters: that of the longest message. */
const ANSWER_MAX = 8 << 20;

export class Hub {
  readonly #url: string;
  readonly #source: Options["token"];
  #token: string | undefined;
  #refused: string | undefined;

  constructor(url: string, token: Options["token"]) {
    this.#url = hubAddress(url);
    this.#source = token;
  }

  /** Returns the address of a path, as `/v1/push`. */
  address(path: string): string {
    return this.#url + path;
  }

  /** Returns the access token: the last one that was not refused, or a new one; `undefined` where there is none. */
  async token(): Promise<string | undefined> {
    if (this.#token === undefined || this.#token === this.#refused) {
      this.#token = typeof this.#source === "function" ? await this.#source() : this.#source;
    }
    return this.#token === this.#refused ? undefined : this.#token;
  }

  /** Takes note that the hub accepts a token no more: another one is fetched when one is asked for. */
  refuse(token: string | undefined): void {
    this.#refused = token;
  }

  /** Sends one request with the token, and once more with a new one where that is refused. Returns whatever the hub answers. */
  async fetch(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    for (let tries = 0; ; tries += 1) {
      const token = await this.token();
      const headers = new Headers(init.headers);
      if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
      const answer = await fetch(this.address(path), { ...init, method, headers });
      if (answer.status !== 401) return answer;
      this.refuse(token);
      if (tries || (await this.token()) === undefined) return answer;
    }
  }

  /**
   * Sends one request with a JSON body and returns what the hub answers.
   *
   * @throws SynclineError with the hub's code, or `HUB_UNREACHABLE`.
   */
  async request(method: string, path: string, body?: Json): Promise<JsonObject> {
    const init: RequestInit = { signal: AbortSignal.timeout(REQUEST_MS_MAX) };
    if (body !== undefined) Object.assign(init, { body: write(body), headers: { "content-type": "application/json" } });
    const [status, text] = await this.fetch(method, path, init)
      .then(async (answer) => [answer.status, await answer.text()] as const)
      .catch((cause: unknown) => {
        throw new SynclineError("HUB_UNREACHABLE", "the hub cannot be reached", { retryable: true, cause });
      });
    const answered = text.length > ANSWER_MAX ? undefined : read(text);
    if (status < 300 && answered) return answered;
    throw problemOf(status, answered);
  }
}

function read(text: string): JsonObject | undefined {
  try {
    const json = parse(text || "{}");
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** Makes an error of a problem that a hub answered (RFC 9457). */
export function problemOf(status: number, problem: JsonObject | undefined): SynclineError {
  const { code, detail, title, retryable } = problem ?? {};
  const text = typeof detail === "string" ? detail : typeof title === "string" ? title : `the hub answered with ${status}`;
  return new SynclineError(typeof code === "string" ? code : `HTTP_${status}`, text, { status, retryable: retryable === true });
}
