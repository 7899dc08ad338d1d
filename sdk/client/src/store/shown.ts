/** What is shown: the confirmed record with the operations that wait on it predicted in order. */

import type { Shown } from "../api.js";
import { withField } from "../json/field.js";
import type { Json, JsonObject } from "../json/value.js";
import type { Effect } from "../protocol/operation.js";
import { predict } from "../protocol/predict.js";
import { hydrate, waiting, type Anchor, type Entry } from "./entry.js";

/**
 * Returns a record with the texts that have edits waiting as they were when these were made: edits count characters, and what
 * others have typed meanwhile would shift them.
 */
export function anchored(fields: JsonObject | undefined, anchors: readonly Anchor[]): JsonObject | undefined {
  let at = fields;
  for (const { path, value } of anchors) at = withField(at ?? {}, path, value);
  return at;
}

/** Returns the fields that are shown of a record; `undefined` where it is not there. */
export function shownFields(entry: Entry): JsonObject | undefined {
  hydrate(entry);
  let fields = entry.fields;
  let isFirst = true;
  for (const { operation } of waiting(entry)) {
    if (isFirst) fields = anchored(fields, entry.anchors);
    isFirst = false;
    fields = predict(fields, operation);
  }
  return fields;
}

/** Returns a record as it is shown; the same object until something changes. */
export function shown(entry: Entry): Shown | undefined {
  if (entry.shown === undefined) entry.shown = shownAs(entry, shownFields(entry));
  return entry.shown ?? undefined;
}

/** Takes note of what is shown once another operation waits. */
export function showNext(entry: Entry, effect: Effect): void {
  const before = shown(entry)?.value;
  entry.shown = shownAs(entry, predict(before, effect));
}

function shownAs(entry: Entry, value: JsonObject | undefined): Shown | null {
  if (!value) return null;
  const { entity, id, conflicts } = entry;
  return { entity, id, value, pending: hasWaiting(entry), conflicts };
}

function hasWaiting(entry: Entry): boolean {
  for (const queued of entry.lane?.values() ?? []) if (!queued.refusal) return true;
  return false;
}

/** Returns a value if it is a text. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Returns the paths of texts that an operation edits. */
export function textsEdited(effect: Effect): string[] {
  return effect.text ? Object.keys(effect.text) : [];
}
