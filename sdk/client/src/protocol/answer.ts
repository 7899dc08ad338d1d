/** What a hub answers, judged before anything is made of it: results, changes, pages, problems. Members that are not known are ignored. */

import { SynclineError } from "../error.js";
import { keysOf } from "../json/pointer.js";
import { isObject, type Json, type JsonObject } from "../json/value.js";
import { CONFLICTS_MAX, CURSOR_CHARACTERS_MAX, EDIT_PARTS_MAX, PAGE_CHANGES_MAX, PUSH_OPERATIONS_MAX, STRETCHES_MAX, TOKEN_CHARACTERS_MAX } from "./limits.js";
import type { Change, Page, Problem, Result, ResultStatus, Same, Welcome } from "./message.js";

/** What became of an operation, in the order of the compact form. */
export const STATUSES: readonly ResultStatus[] = ["applied", "merged", "conflict", "duplicate", "rejected", "behind", "rebase"];

/** @throws SynclineError `MESSAGE_MALFORMED` unless something holds. */
export function must(holds: boolean, place: string): asserts holds {
  if (!holds) throw new SynclineError("MESSAGE_MALFORMED", `the hub's message is malformed: ${place}`);
}

export function textOf(value: Json | undefined, place: string): string {
  must(typeof value === "string", place);
  return value;
}

/** Returns a natural number that the platform holds. */
export function naturalOf(value: Json | undefined, place: string): number {
  must(Number.isSafeInteger(value) && (value as number) >= 0, place);
  return value as number;
}

export function objectOf(value: Json | undefined, place: string): JsonObject {
  must(isObject(value), place);
  return value;
}

export function arrayOf(value: Json | undefined, lengthMax: number, place: string): readonly Json[] {
  must(Array.isArray(value) && value.length <= lengthMax, place);
  return value;
}

export function sumOf(value: Json | undefined): string {
  must(typeof value === "string" && /^[\da-f]{32}$/.test(value), "sum");
  return value;
}

export function cursorTextOf(value: Json | undefined): string {
  must(typeof value === "string" && value.length > 0 && value.length <= CURSOR_CHARACTERS_MAX, "cursor");
  return value;
}

/** Judges one member if it is there. */
function judge(value: Json | undefined, judgement: (value: Json) => unknown): void {
  if (value !== undefined) judgement(value);
}

function judgePath(path: Json): void {
  let isPath = typeof path === "string";
  try {
    keysOf(path as string);
  } catch {
    isPath = false;
  }
  must(isPath, "path");
}

function judgeFields(fields: Json, judgement: (value: Json) => unknown): void {
  for (const [path, value] of Object.entries(objectOf(fields, "fields"))) {
    judgePath(path);
    must(value !== undefined, "value");
    judgement(value);
  }
}

function judgePaths(paths: Json): void {
  arrayOf(paths, Infinity, "unset").forEach(judgePath);
}

function judgeEdit(edit: Json): void {
  arrayOf(edit, EDIT_PARTS_MAX + 1, "edit").forEach((part, at) => {
    const isDigest = at === 0 && isObject(part) && /^[\da-f]{16}$/.test(String(part["of"]));
    must(typeof part === "string" || Number.isSafeInteger(part) || isDigest, "edit");
  });
}

function judgeConflicts(conflicts: Json): void {
  for (const conflict of arrayOf(conflicts, CONFLICTS_MAX, "conflicts")) {
    const { id, path } = objectOf(conflict, "conflict");
    textOf(id, "conflict");
    // That of the record itself is where a deletion meets an edit.
    if (path !== "") judgePath(path ?? null);
  }
}

function judgeSeen({ position, version }: JsonObject): void {
  naturalOf(position, "position");
  must(typeof version === "string" && version.length <= TOKEN_CHARACTERS_MAX && /^([\w-]*~)?[\w-]+$/.test(version), "version");
}

/** Judges a result in the long form. */
export function resultOf(value: Json): Result {
  const result = objectOf(value, "result");
  must(naturalOf(result["op"], "op") > 0, "op");
  must(STATUSES.includes(result["status"] as ResultStatus), "status");
  if (result["position"] !== undefined || result["version"] !== undefined) judgeSeen(result);
  judge(result["record"], (record) => record === null || objectOf(record, "record"));
  judge(result["set"], (set) => judgeFields(set, () => true));
  judge(result["unset"], judgePaths);
  judge(result["conflicts"], (ids) => arrayOf(ids, CONFLICTS_MAX, "conflicts").forEach((id) => textOf(id, "conflict")));
  judge(result["open"], judgeConflicts);
  judge(result["problem"], problemOf);
  return result as unknown as Result;
}

/** Judges a change in the long form. */
export function changeOf(value: Json): Change {
  const change = objectOf(value, "change");
  must(textOf(change["entity"], "entity") !== "" && textOf(change["id"], "id") !== "", "name");
  judgeSeen(change);
  judge(change["record"], (record) => objectOf(record, "record"));
  judge(change["set"], (set) => judgeFields(set, () => true));
  judge(change["unset"], judgePaths);
  judge(change["text"], (text) => judgeFields(text, judgeEdit));
  judge(change["delta"], (delta) => objectOf(delta, "delta"));
  judge(change["gone"], (gone) => must(gone === "deleted" || gone === "unscoped", "gone"));
  judge(change["by"], (by) => textOf(by, "by"));
  judge(change["conflicts"], judgeConflicts);
  return change as unknown as Change;
}

export function resultsOf(value: Json | undefined): readonly Result[] {
  return arrayOf(value, PUSH_OPERATIONS_MAX, "results").map(resultOf);
}

/** Judges a page in the long form. */
export function pageOf(page: JsonObject): Page {
  const flag = (name: string): boolean => {
    const value = page[name] ?? false;
    must(typeof value === "boolean", name);
    return value;
  };
  const { same, equal } = page;
  return {
    changes: arrayOf(page["changes"], PAGE_CHANGES_MAX, "changes").map(changeOf),
    cursor: cursorTextOf(page["cursor"]),
    more: flag("more"),
    ...(flag("snapshot") && { snapshot: true }),
    ...(flag("begins") && { begins: true }),
    ...(same !== undefined && { same: sameOf(objectOf(same, "same")["position"], objectOf(same, "same")["stretches"]) }),
    ...(equal !== undefined && { equal: flag("equal") }),
  };
}

export function sameOf(position: Json | undefined, stretches: Json | undefined): Same {
  const pairs = arrayOf(stretches, STRETCHES_MAX, "stretches").map((pair) => {
    const [first, count] = arrayOf(pair, 2, "stretches");
    return [naturalOf(first, "stretches"), naturalOf(count, "stretches")] as const;
  });
  // A pair may name only what can be there, so that nobody counts for ever.
  must(pairs.every(([first, count]) => first + count <= STRETCHES_MAX), "stretches");
  return { position: naturalOf(position, "position"), stretches: pairs };
}

/** Judges a problem; without `retryable` it is none of those that may pass. */
export function problemOf(value: Json): Problem {
  const problem = objectOf(value, "problem");
  const { retryable = false } = problem;
  textOf(problem["code"], "code");
  textOf(problem["detail"], "detail");
  must(typeof retryable === "boolean", "retryable");
  return { ...problem, retryable } as unknown as Problem;
}

export function welcomeOf(value: Json | undefined): Welcome {
  const welcome = objectOf(value, "welcome");
  const { limits, accept, incarnation } = welcome;
  must(typeof incarnation === "string" && /^[\da-f]{32}$/.test(incarnation), "incarnation");
  for (const name of ["protocol", "heartbeat_ms", "window"]) naturalOf(welcome[name], name);
  for (const name of ["push_operations", "message_bytes"]) naturalOf(objectOf(limits, "limits")[name], name);
  for (const name of ["backed_up", "floor"]) judge(welcome[name], (number) => naturalOf(number, name));
  judge(accept, (codings) => arrayOf(codings, Infinity, "accept").forEach((coding) => textOf(coding, "accept")));
  return welcome as unknown as Welcome;
}
