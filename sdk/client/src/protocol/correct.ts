/** What a record becomes by what the hub tells of it (`docs/protocol.md` §3 and §4). Apart from `predict.ts`, for it is needed with a hub only. */

import { Draft, keysOf } from "../json/pointer.js";
import type { Json, JsonObject } from "../json/value.js";
import type { Change, Result } from "./message.js";
import type { ByPath } from "./operation.js";
import { eachField } from "./predict.js";
import { applyEdit } from "./text.js";

/** What was told does not fit what is held: something was lost. */
export const UNFIT = "unfit";
export type Unfit = typeof UNFIT;

/** Returns what is there once the hub has answered, given what was predicted. */
export function correct(predicted: JsonObject | undefined, result: Result): JsonObject | undefined | Unfit {
  if (result.record !== undefined) return result.record ?? undefined;
  if (!result.set && !result.unset) return predicted;
  return predicted ? overwritten(predicted, result).value : UNFIT;
}

/** Returns a record after a change that a hub told, given what is held of it. */
export function applyChange(held: JsonObject | undefined, change: Change): JsonObject | undefined | Unfit {
  if (change.record) return change.record;
  if (change.gone) return undefined;
  // Deltas were not asked for.
  if (!held || change.delta) return UNFIT;
  const draft = overwritten(held, change);
  let isFit = true;
  eachField(change.text, (keys, edit) => {
    const before = draft.get(keys);
    const text = typeof before === "string" ? applyEdit(before, edit) : undefined;
    if (text === undefined) isFit = false;
    else draft.set(keys, text);
  });
  return isFit ? draft.value : UNFIT;
}

/** Removes fields with all below them, then gives others their values. */
function overwritten(record: JsonObject, told: { readonly set?: ByPath<Json>; readonly unset?: readonly string[] }): Draft {
  const draft = new Draft(record);
  for (const path of told.unset ?? []) draft.remove(keysOf(path));
  eachField(told.set, (keys, value) => draft.set(keys, value));
  return draft;
}
