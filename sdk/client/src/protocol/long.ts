/** The long form: bodies of requests and answers over HTTP. Answers are refused with `MESSAGE_MALFORMED`. */

import { parse } from "../json/parse.js";
import { write } from "../json/write.js";
import { isGood, isProblem, must } from "./answer.js";
import { ANSWER_BYTES_MAX } from "./limits.js";
import type { Page, Problem, Result } from "./message.js";
import type { Operation } from "./operation.js";

/** The answer to `POST /v1/push`. */
export interface PushAnswer {
  readonly results: readonly Result[];
  readonly cursor: string;
  /** Up to where a backup of the hub has everything; absent without one. */
  readonly backed_up?: number;
}

/** Writes the body of `POST /v1/push`. */
export function writePush(client: string, ops: readonly Operation[]): string {
  return write({ client, ops });
}

/** Reads the answer to `POST /v1/push`. */
export function readPushAnswer(text: string): PushAnswer {
  return bodyOf<PushAnswer>(text, "results cursor");
}

/** Reads the answer to `GET /v1/pull`, or what an event of `GET /v1/events` tells. */
export function readPage(text: string): Page {
  return bodyOf<Page>(text, "changes cursor more");
}

/** Reads what was wrong with a request. */
export function readProblem(text: string): Problem {
  const problem: unknown = parse(text);
  must(isProblem(problem));
  const { retryable = false } = problem as Partial<Problem>;
  return { ...(problem as Problem), retryable };
}

function bodyOf<T>(text: string, needed: string): T {
  must(text.length <= ANSWER_BYTES_MAX);
  const body: unknown = parse(text);
  must(isGood(needed, body));
  return body as T;
}
