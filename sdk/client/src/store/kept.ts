/** Applied operations that a restored hub may lack: kept until a backup holds them, put back into the queue for another life of the hub (`docs/protocol.md` §9). */

import type { Welcome } from "../protocol/message.js";
import { sayingTexts } from "./enqueue.js";
import type { Work } from "./state.js";
import { sayTextsOfWaiting } from "./texts.js";
import { noteIncarnation } from "./views.js";

/** Most applied operations that are kept; beyond it the oldest go. */
const KEPT_OPERATIONS_MAX = 1_000_000;

/** Takes note of the hub's incarnation, before anything of it is taken in or sent to it; answers whether the queue is to be read again. */
export function greet(work: Work, { incarnation, floor = 0 }: Welcome): boolean {
  const { state } = work;
  const known = state.meta.get("incarnation");
  const isAnother = known !== undefined && known !== incarnation;
  const saysTexts = isAnother && sayTextsOfWaiting(work);
  noteIncarnation(work, incarnation);
  let moved = 0;
  for (const [counter, kept] of [...state.kept]) {
    if (kept.incarnation === incarnation) continue;
    work.keep(counter, undefined);
    // Of these the hub has no result any more, but their changes.
    if (counter <= floor) continue;
    const { operation, texts = {} } = kept.queued;
    work.putQueued({ ...kept.queued, operation: sayingTexts(operation, (path) => texts[path]), isResent: true });
    moved += 1;
  }
  if (moved) state.sortQueue();
  return moved > 0 || saysTexts;
}

/** Drops what a backup of the hub holds. */
export function backedUp(work: Work, position: number): void {
  const incarnation = work.state.meta.get("incarnation");
  for (const [counter, kept] of [...work.state.kept]) {
    if (kept.incarnation === incarnation && kept.position <= position) work.keep(counter, undefined);
  }
}

/** Drops the oldest where too many are kept. */
export function boundKept(work: Work): void {
  let surplus = work.state.kept.size - KEPT_OPERATIONS_MAX;
  for (const counter of work.state.kept.keys()) {
    if (surplus-- <= 0) return;
    work.keep(counter, undefined);
  }
}
