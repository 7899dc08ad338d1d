/** Waiting edits of texts, made anew for what the hub answered with, and said again to another life of the hub. */

import { fieldAt } from "../json/field.js";
import type { TextEdit } from "../protocol/operation.js";
import { predict } from "../protocol/predict.js";
import { difference } from "../protocol/difference.js";
import { transform } from "../protocol/text.js";
import { sayingTexts } from "./enqueue.js";
import { hydrate, waiting, type Entry, type Queued } from "./entry.js";
import type { WasHanded } from "./incoming.js";
import { anchored, textOf } from "./shown.js";
import type { Work } from "./state.js";
import { meets, stepsOf } from "./steps.js";

/** Most text edits of one record that are made anew: what is typed within one round trip is far less, and the hub merges the rest. */
const TEXT_EDITS_REBASED_MAX = 256;

/**
 * Makes the waiting edits of a record's texts anew for the confirmed text, where none of them was ever handed out, so that who
 * types without a pause sees what others type elsewhere in it. Edits in the midst of what others have changed stay as they are:
 * the hub knows what these did, and the client only what came of it.
 */
export function rebaseTexts(work: Work, entry: Entry, wasHanded: WasHanded): void {
  hydrate(entry);
  if (!entry.anchors.length || !entry.isConfirmed) return;
  const anchors = entry.anchors.map((anchor) => {
    if (anchor.token === entry.token) return anchor;
    const old = textOf(anchor.value);
    const now = textOf(fieldAt(entry.fields, anchor.path));
    const edits = old === undefined || now === undefined ? undefined : editsOf(entry, anchor.path, wasHanded);
    const anew = edits && transformed(old as string, now as string, edits);
    if (!anew) return anchor;
    for (const [queued, edit] of anew) {
      const { base: _, ...operation } = queued.operation;
      work.putQueued({ ...queued, operation: { ...operation, ...(entry.token !== undefined && { base: entry.token }), text: { [anchor.path]: edit } } });
    }
    return { path: anchor.path, token: entry.token, value: now };
  });
  if (anchors.some((anchor, at) => anchor !== entry.anchors[at])) work.setAnchors(entry, anchors);
}

/** Returns the edits of a text that wait; nothing if one of them cannot be made anew. */
function editsOf(entry: Entry, path: string, wasHanded: WasHanded): [Queued, TextEdit][] | undefined {
  const edits: [Queued, TextEdit][] = [];
  for (const queued of entry.lane?.values() ?? []) {
    if (queued.refusal) continue;
    if (queued.operation.delete) return undefined;
    const steps = stepsOf(queued.operation);
    if (!steps.some((step) => meets(step[1], path))) continue;
    // What writes other fields as well has seen them as its base says.
    const edit = queued.operation.text?.[path];
    if (steps.length > 1 || !edit || wasHanded(queued)) return undefined;
    edits.push([queued, edit]);
  }
  return edits.length <= TEXT_EDITS_REBASED_MAX ? edits : undefined;
}

/** Returns edits that were made for `old`, one after another, as edits of `now`; nothing if one is where others have changed the text. */
function transformed(old: string, now: string, edits: readonly [Queued, TextEdit][]): [Queued, TextEdit][] | undefined {
  let changed = changedIn(old, now);
  let others: TextEdit = difference(old, now);
  const anew: [Queued, TextEdit][] = [];
  for (const [queued, edit] of edits) {
    if (changed) {
      changed = movedOver(changed, edit);
      if (!changed) return undefined;
    }
    const [moved, after] = [transform(edit, others, false), transform(others, edit, true)];
    if (!moved || !after) return undefined;
    others = after;
    anew.push([queued, moved]);
  }
  return anew;
}

/** Where others have changed a text, in characters: between what they left alone at its start and at its end. */
type Changed = readonly [from: number, to: number];

function changedIn(before: string, after: string): Changed | undefined {
  if (before === after) return undefined;
  const [old, now] = [[...before], [...after]];
  const least = Math.min(old.length, now.length);
  let start = 0;
  while (start < least && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < least && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const to = old.length - end;
  return [Math.min(start, to), Math.max(start, to)];
}

/** Moves what is changed over an edit; nothing if that changes something there itself. */
function movedOver([from, to]: Changed, edit: TextEdit): Changed | undefined {
  let at = 0;
  for (const part of edit) {
    if (typeof part === "object") continue;
    if (typeof part === "number" && part >= 0) {
      at += part;
      continue;
    }
    const inserted = typeof part === "string" ? [...part].length : 0;
    const deleted = typeof part === "number" ? -part : 0;
    if (at + deleted <= from) [from, to] = [from + inserted - deleted, to + inserted - deleted];
    else if (at < to) return undefined;
    at += inserted;
  }
  return [from, to];
}

/** Has waiting edits of texts say which text they were made for, before anything of another life of the hub is taken in. */
export function sayTextsOfWaiting(work: Work): boolean {
  let any = false;
  for (const entry of work.state.entries()) {
    if (!entry.anchors.length) continue;
    let fields = anchored(hydrate(entry).fields, entry.anchors);
    for (const queued of [...waiting(entry)]) {
      const before = fields;
      const said = sayingTexts(queued.operation, (path) => textOf(fieldAt(before, path)));
      if (said !== queued.operation) {
        work.putQueued({ ...queued, operation: said });
        any = true;
      }
      fields = predict(fields, queued.operation);
    }
  }
  return any;
}
