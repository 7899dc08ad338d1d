/** The long form: bodies of requests and answers over HTTP. Answers are refused with `MESSAGE_MALFORMED`. */

import { parse } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import { write } from "../json/write.js";
import { cursorTextOf, must, naturalOf, objectOf, pageOf, problemOf, resultsOf } from "./answer.js";
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
  const answer = bodyOf(text);
  const backedUp = answer["backed_up"];
  return {
    results: resultsOf(answer["results"]),
    cursor: cursorTextOf(answer["cursor"]),
    ...(backedUp !== undefined && { backed_up: naturalOf(backedUp, "backed_up") }),
  };
}

/** Reads the answer to `GET /v1/pull`, or what an event of `GET /v1/events` tells. */
export function readPage(text: string): Page {
  return pageOf(bodyOf(text));
}

/** Reads what was wrong with a request. */
export function readProblem(text: string): Problem {
  return problemOf(bodyOf(text));
}

function bodyOf(text: string): JsonObject {
  must(text.length <= ANSWER_BYTES_MAX, "length");
  return objectOf(parse(text), "body");
}
