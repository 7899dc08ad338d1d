/** Edits on their way into the queue, and what is made of those that were set aside. */

import { SynclineError } from "../error.js";
import { fieldAt } from "../json/field.js";
import type { ByPath, Effect, Operation, TextEdit } from "../protocol/operation.js";
import { difference } from "../protocol/difference.js";
import { MESSAGE_BYTES_MAX } from "../protocol/limits.js";
import { applyEdit, textDigest, transform } from "../protocol/text.js";
import { hydrate, queuedRow, waiting, type Anchor, type Entry, type Queued } from "./entry.js";
import { showNext, shown, textOf, textsEdited } from "./shown.js";
import { RESERVED, type Work } from "./state.js";
import { effectOf, meets, stepsOf, type Step } from "./steps.js";

/** Most operations that wait, with those set aside: ten times what a device gathers that was offline for a month. */
export const QUEUE_OPERATIONS_MAX = 1_000_000;

/** Most bytes of an operation as it waits: a message holds it with others' names and its token. */
const OPERATION_BYTES_MAX = MESSAGE_BYTES_MAX - (256 << 10);

/** How many counters are reserved at once. */
const COUNTERS_RESERVED = 1_000;

/** An edit that is about to be queued. */
export interface Draft {
  readonly entity: string;
  readonly id: string;
  readonly effect: Effect;
  /** The texts that its edits were made for, where these may have changed since. */
  readonly texts: ByPath<string>;
  readonly isUrgent: boolean;
}

/** Queues drafts, each after the one before it; returns their counters. */
export function enqueue(work: Work, drafts: readonly Draft[], now: Date): number[] {
  const queued = work.state.queue.size;
  if (queued + drafts.length > QUEUE_OPERATIONS_MAX) throw new SynclineError("CLIENT_QUEUE_FULL", `${queued} operations wait already`);
  const counters: number[] = [];
  for (const draft of drafts) add(work, draft, now.toISOString(), counters);
  return counters;
}

function add(work: Work, draft: Draft, at: string, counters: number[]): void {
  const entry = hydrate(work.state.entry(draft.entity, draft.id));
  const effect = madeAnew(draft.effect, draft.texts, entry);
  for (const [base, part] of byBase(entry, effect)) put(work, entry, base, part, draft.isUrgent, at, counters);
}

function put(work: Work, entry: Entry, base: string | undefined, effect: Effect, isUrgent: boolean, at: string, counters: number[]): void {
  const { state } = work;
  const op = Math.max(state.number("next"), state.first);
  const after = counters.length ? [op - 1] : [];
  const anchors: Anchor[] = [...entry.anchors];
  for (const path of textsEdited(effect)) {
    // What an edit counts on must have been applied.
    const last = lastOn(entry, path);
    if (last && !after.includes(last.operation.op)) after.push(last.operation.op);
    if (!anchors.some((anchor) => anchor.path === path)) {
      anchors.push({ path, token: entry.token, value: fieldAt(entry.fields, path) });
    }
  }
  const { entity, id } = entry;
  after.sort((a, b) => a - b);
  const operation: Operation = { op, entity, id, ...(base && { base }), ...(after.length && { after }), at, ...sayingWhere(entry, effect) };
  const queued: Queued = { operation, isUrgent };
  const row = queuedRow(queued);
  // What a hub would not take stands in the way of everything behind it.
  if (bytesIn(row) > OPERATION_BYTES_MAX) throw new SynclineError("CLIENT_EDIT_TOO_LARGE", `an edit has at most ${OPERATION_BYTES_MAX} bytes`);
  // What is shown is made of what was shown before: it must not be looked at in between.
  showNext(entry, operation);
  const now = entry.shown;
  if (anchors.length > entry.anchors.length) work.setAnchors(entry, anchors);
  work.putQueued(queued);
  work.rows.set(queued, row);
  entry.shown = now && !now.pending ? { ...now, pending: true } : now;
  work.setMeta("next", String(op + 1));
  // What is reserved is on the disk before any of it is sent, also where edits are only handed to the system: after a power loss the
  // counter of one that was sent and is lost on the device is not given to another one.
  if (op >= state.number(RESERVED)) work.setMeta(RESERVED, String(op + COUNTERS_RESERVED));
  counters.push(op);
}

/** Returns how many bytes a text has in UTF-8. */
export function bytesIn(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Parts an effect by what its writer was shown: texts with edits that wait are shown as of an older state than the rest. */
function byBase(entry: Entry, effect: Effect): [base: string | undefined, effect: Effect][] {
  const older = entry.anchors.filter((anchor) => anchor.token !== entry.token);
  if (!older.length) return [[entry.token, effect]];
  if (effect.delete) {
    const first = (anchor: Anchor) => {
      for (const { operation } of waiting(entry)) if (operation.text?.[anchor.path]) return operation.op;
      return Infinity;
    };
    const oldest = older.reduce((a, b) => (first(b) < first(a) ? b : a));
    return [[oldest.token, effect]];
  }
  const parts = new Map<string | undefined, Step[]>();
  for (const step of stepsOf(effect)) {
    const met = older.find((anchor) => meets(anchor.path, step[1]));
    const base = met ? met.token : entry.token;
    const part = parts.get(base);
    if (part) part.push(step);
    else parts.set(base, [step]);
  }
  return [...parts].map(([base, steps]) => [base, effectOf(steps)]);
}

/** Returns the last waiting operation that writes a field. */
function lastOn(entry: Entry, path: string): Queued | undefined {
  const writes = ({ operation, refusal }: Queued) =>
    !refusal && (operation.delete || stepsOf(operation).some((step) => meets(step[1], path)));
  return [...(entry.lane?.values() ?? [])].findLast(writes);
}

/**
 * Has edits of texts say which text they were made for, where the hub may hold another one of that length under their base: it is
 * of a former life of the hub, or they follow edits of which that is so.
 */
function sayingWhere(entry: Entry, effect: Effect): Effect {
  const paths = textsEdited(effect);
  if (!paths.length) return effect;
  const followsPast = (path: string) => {
    const last = lastOn(entry, path);
    return last && (last.isResent || saysText(last.operation));
  };
  const isOfPast = (entry.isConfirmed && entry.position === 0) || paths.some(followsPast);
  const value = shown(entry)?.value;
  return isOfPast && value ? sayingTexts(effect, (path) => textOf(fieldAt(value, path))) : effect;
}

/** Returns an effect whose edits of texts say which text they were made for. */
export function sayingTexts<T extends Effect>(effect: T, textAt: (path: string) => string | undefined): T {
  if (!effect.text) return effect;
  const said = Object.entries(effect.text).map(([path, edit]): [string, TextEdit] => {
    const text = textAt(path);
    return [path, text === undefined || typeof edit[0] === "object" ? edit : [{ of: textDigest(text) }, ...edit]];
  });
  return { ...effect, text: Object.fromEntries(said) };
}

function saysText(effect: Effect): boolean {
  return Object.values(effect.text ?? {}).some((edit) => typeof edit[0] === "object");
}

/** Returns an effect as one for what is shown now: edits of texts are moved over what has come in between. */
function madeAnew(effect: Effect, texts: ByPath<string>, entry: Entry): Effect {
  const paths = Object.keys(texts);
  if (!paths.length || effect.delete) return effect;
  const value = shown(entry)?.value;
  const steps = stepsOf(effect).map((step): Step => {
    const [part, path] = step;
    const before = texts[path];
    if (part !== "text" || before === undefined) return step;
    // Whatever it says of a text is of the text before.
    const edit = (step[2] as TextEdit).filter((part) => typeof part !== "object");
    const now = textOf(fieldAt(value, path));
    if (now === before) return ["text", path, edit];
    if (now === undefined) return ["begin", path, applyEdit(before, edit) ?? before];
    return ["text", path, transform(edit, difference(before, now), false) ?? edit];
  });
  return effectOf(steps);
}
