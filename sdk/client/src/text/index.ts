/**
 * Typing into a text that others type into at the same time.
 *
 * ```ts
 * const binding = bindText(client, { entity: "notes", id: "n1", path: "/body" }, textarea);
 * // … and when the field goes:
 * binding.close();
 * ```
 */

export { bindText, type BindOptions, type TextBinding, type TextPlace, type TextShown, type TextTarget } from "./bind.js";
export { composeEdits, endOfChange, invertEdit, isIdentity, movePosition, moveSelection, typedEdit, type Selection, type Sticks } from "./edit.js";
export type { TextField } from "./field.js";
export { createUndoSteps, type UndoSteps } from "./undo.js";
export { toCharacters, toUnits } from "./units.js";
export { difference } from "../protocol/difference.js";
export { applyEdit, transform } from "../protocol/text.js";
export type { TextEdit } from "../protocol/operation.js";
