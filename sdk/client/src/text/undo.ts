/**
 * What somebody typed and can take back.
 *
 * Each step is the edit that takes back what was typed in it, for the text as it is once all later steps are taken back. What
 * others type moves the steps, so that taking back touches nothing of theirs.
 */

import { lengthOf, transform } from "../protocol/text.js";
import type { TextEdit } from "../protocol/operation.js";
import { composeEdits, isIdentity } from "./edit.js";
import { UNDO_CHARACTERS_MAX, UNDO_STEPS_MAX } from "./limits.js";

export interface UndoSteps {
  /** Puts a step on top: an edit of the text as it is now. It joins the one before where it goes on with that. */
  push(inverse: TextEdit, joins: boolean): void;
  /** Takes the uppermost step that still changes something. */
  pop(): TextEdit | undefined;
  /** Moves the steps over what somebody else has done to the text. */
  moveOver(edit: TextEdit): void;
  clear(): void;
  /** Whether there is a step that still changes something. */
  readonly isEmpty: boolean;
}

/** Returns steps, of which there are none yet. */
export function createUndoSteps(): UndoSteps {
  let steps: TextEdit[] = [];

  function makeRoom(): void {
    let characters = 0;
    let kept = 0;
    // The uppermost one is kept however long it is: it is what was typed last.
    for (let at = steps.length - 1; at >= 0 && kept < UNDO_STEPS_MAX; at -= 1) {
      for (const part of steps[at] ?? []) if (typeof part === "string") characters += lengthOf(part);
      if (kept > 0 && characters > UNDO_CHARACTERS_MAX) break;
      kept += 1;
    }
    if (kept < steps.length) steps = steps.slice(steps.length - kept);
  }

  return {
    push(inverse, joins) {
      const before = joins ? steps.pop() : undefined;
      steps.push(before === undefined ? inverse : composeEdits(inverse, before));
      makeRoom();
    },
    pop() {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) if (!isIdentity(step)) return step;
      return undefined;
    },
    moveOver(edit) {
      let theirs = edit;
      for (let at = steps.length - 1; at >= 0 && !isIdentity(theirs); at -= 1) {
        const step = steps[at] ?? [];
        const [moved, after] = [transform(step, theirs, false), transform(theirs, step, true)];
        // It was made for this text, so it fits; if it ever did not, it could not be taken back.
        if (moved === undefined || after === undefined) return void (steps = steps.slice(at + 1));
        steps[at] = moved;
        theirs = after;
      }
    },
    clear() {
      steps = [];
    },
    get isEmpty() {
      return steps.every(isIdentity);
    },
  };
}
