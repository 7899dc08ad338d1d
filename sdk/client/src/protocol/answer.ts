/** What a hub answers, judged before anything is made of it. Members that are not known are ignored. */

import { SynclineError } from "../error.js";
import { keysOf } from "../json/pointer.js";
import { Decimal } from "../json/value.js";
import { CONFLICTS_MAX, CURSOR_CHARACTERS_MAX, EDIT_PARTS_MAX, PAGE_CHANGES_MAX, PUSH_OPERATIONS_MAX, STRETCHES_MAX, TOKEN_CHARACTERS_MAX } from "./limits.js";

/** Says whether a part of an answer is what it should be. */
type Judgement = (value: unknown) => boolean;
type Members = Readonly<Record<string, unknown>>;

/** What became of an operation, in the order of the compact form. */
export const STATUSES: readonly unknown[] = ["applied", "merged", "conflict", "duplicate", "rejected", "behind", "rebase"];

/** @throws SynclineError `MESSAGE_MALFORMED` unless something holds. */
export function must(holds: boolean): asserts holds {
  if (!holds) throw new SynclineError("MESSAGE_MALFORMED", "what the hub says is malformed");
}

/**
 * Reads an answer of a hub.
 *
 * @throws SynclineError `MESSAGE_MALFORMED`, also where the answer is so far from what it should be that nothing was judged yet.
 */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    must(error instanceof SynclineError);
    throw error;
  }
}

const isText: Judgement = (value) => typeof value === "string";
const isBoolean: Judgement = (value) => typeof value === "boolean";
const isInteger: Judgement = (value) => Number.isSafeInteger(value);
export const isNatural: Judgement = (value) => isInteger(value) && (value as number) >= 0;
export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

const matches = (pattern: RegExp, lengthMax = Infinity): Judgement => {
  return (value) => typeof value === "string" && value.length <= lengthMax && pattern.test(value);
};
const list = (judgement: Judgement, lengthMax = Infinity): Judgement => {
  return (value) => Array.isArray(value) && value.length <= lengthMax && value.every((element) => judgement(element));
};
const byPath = (judgement: Judgement): Judgement => {
  return (value) => isMembers(value) && Object.entries(value).every(([path, field]) => isPath(path) && judgement(field));
};

const isPath: Judgement = (value) => {
  try {
    return keysOf(value as string).length > 0;
  } catch {
    return false;
  }
};
const isDigest = matches(/^[\da-f]{16}$/);
const isSteps = list((step) => isText(step) || isInteger(step), EDIT_PARTS_MAX);
const isEdit: Judgement = (value) => {
  return Array.isArray(value) && isSteps(isMembers(value[0]) && isDigest(value[0]["of"]) ? value.slice(1) : value);
};
/** A pair names only what can be there, so that nobody counts for ever. */
const isRun: Judgement = (pair) => {
  return list(isNatural, 2)(pair) && (pair as readonly number[]).reduce((sum, number) => sum + number, 0) <= STRETCHES_MAX;
};
/** Of an operation's result the ids of conflicts are told, of a record's those that are open. */
const isConflicts = list((conflict) => isText(conflict) || isGood("id path", conflict), CONFLICTS_MAX);
const isRecord: Judgement = (value) => value === null || isMembers(value);
const isSum = matches(/^[\da-f]{32}$/);

/** What each member is, wherever it stands. */
const MEMBERS: Readonly<Record<string, Judgement>> = {
  // Those of a result or a change.
  op: (op) => isNatural(op) && op !== 0,
  status: (status) => STATUSES.includes(status),
  entity: matches(/./),
  id: matches(/./),
  position: isNatural,
  version: matches(/^([\w-]*~)?[\w-]+$/, TOKEN_CHARACTERS_MAX),
  record: isRecord,
  set: byPath((value) => value !== undefined),
  unset: list(isPath),
  text: byPath(isEdit),
  delta: isMembers,
  gone: matches(/^(deleted|unscoped)$/),
  by: isText,
  conflicts: isConflicts,
  open: isConflicts,
  // The path of the record itself stands where a deletion meets an edit.
  path: (path) => path === "" || isPath(path),
  problem: isProblem,
  // Those of a page.
  changes: list((change) => isGood("entity id position version", change) && (change as Members)["record"] !== null, PAGE_CHANGES_MAX),
  view: isNatural,
  cursor: matches(/./, CURSOR_CHARACTERS_MAX),
  more: isBoolean,
  snapshot: isBoolean,
  begins: isBoolean,
  same: (same) => isGood("position stretches", same),
  stretches: list(isRun, STRETCHES_MAX),
  equal: isBoolean,
  // Those of other messages.
  results: list((result) => isGood("op status", result) && hasBothOrNeither(result as Members), PUSH_OPERATIONS_MAX),
  checksum: (checksum) => isGood("view cursor sum", checksum),
  sum: isSum,
  anew: (anew) => isGood("view", anew),
  welcome: (welcome) => isGood("protocol incarnation heartbeat_ms window limits", welcome),
  protocol: isNatural,
  incarnation: isSum,
  heartbeat_ms: isNatural,
  window: isNatural,
  limits: (limits) => isGood("push_operations message_bytes", limits),
  push_operations: isNatural,
  message_bytes: isNatural,
  accept: list(isText),
  backed_up: isNatural,
  floor: isNatural,
};

/** Returns whether an object has these members at least, and all that are known are what they should be. */
export function isGood(needed: string, value: unknown): boolean {
  return (
    isMembers(value) &&
    needed.split(" ").every((name) => value[name] !== undefined) &&
    Object.entries(value).every(([name, part]) => part === undefined || !Object.hasOwn(MEMBERS, name) || MEMBERS[name]?.(part))
  );
}

/** A problem has its members for people, too, which are called like others. */
export function isProblem(value: unknown): boolean {
  return isMembers(value) && isText(value["code"]) && isText(value["detail"]) && isBoolean(value["retryable"] ?? false);
}

function hasBothOrNeither({ position, version }: Members): boolean {
  return (position === undefined) === (version === undefined);
}
