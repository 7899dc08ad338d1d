/** What is made of operations that were set aside. */

import { SynclineError } from "../error.js";
import { enqueue } from "./enqueue.js";
import type { Entry, Queued } from "./entry.js";
import { textsEdited } from "./shown.js";
import type { Work } from "./state.js";

/** Drops an operation that was set aside. */
export function discard(work: Work, counter: number): Queued {
  const queued = work.state.queue.get(counter);
  if (!queued?.refusal) throw new SynclineError("CLIENT_OPERATION_UNKNOWN", `operation ${counter} was not set aside`);
  const { entity, id } = queued.operation;
  work.removeQueued(counter);
  dropAnchors(work, work.state.entry(entity, id));
  return queued;
}

/** Makes an operation that was set aside anew, for what is shown now. */
export function retry(work: Work, counter: number, now: Date): number[] {
  const { operation, texts = {}, isUrgent } = discard(work, counter);
  const { op: _, base: _base, after: _after, at: _at, entity, id, ...effect } = operation;
  return enqueue(work, [{ entity, id, effect, texts, isUrgent }], now);
}

/** Drops the anchors that no waiting edit needs. */
export function dropAnchors(work: Work, entry: Entry): void {
  if (!entry.anchors.length) return;
  const edited = new Set<string>();
  for (const { operation, refusal } of entry.lane?.values() ?? []) if (!refusal) for (const path of textsEdited(operation)) edited.add(path);
  const needed = entry.anchors.filter((anchor) => edited.has(anchor.path));
  if (needed.length < entry.anchors.length) work.setAnchors(entry, needed);
}
