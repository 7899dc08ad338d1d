/** A text field of the platform: an `<input>` or a `<textarea>`. */

import type { TextBinding, TextShown, TextTarget } from "./bind.js";

/** The part of `HTMLInputElement` and `HTMLTextAreaElement` that is needed. */
export interface TextField {
  value: string;
  selectionStart: number | null;
  selectionEnd: number | null;
  selectionDirection?: "forward" | "backward" | "none" | null;
  scrollTop?: number;
  readonly ownerDocument?: { readonly activeElement: unknown } | null;
  setSelectionRange(start: number, end: number, direction?: "forward" | "backward" | "none"): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
}

/** What is read of events. */
interface FieldEvent {
  readonly inputType?: string;
  readonly key?: string;
  readonly ctrlKey?: boolean;
  readonly metaKey?: boolean;
  readonly shiftKey?: boolean;
  readonly altKey?: boolean;
  preventDefault(): void;
}

export function isTextField(field: TextField | TextTarget): field is TextField {
  return "setSelectionRange" in field;
}

/** Returns the field as what shows a text. */
export function targetOf(field: TextField): TextTarget {
  return {
    read(): TextShown {
      const text = field.value;
      // A field of type `email` or `number` has no selection.
      const end = field.selectionEnd ?? text.length;
      return { text, start: field.selectionStart ?? end, end };
    },
    write({ text, start, end }) {
      const { scrollTop, selectionDirection: direction } = field;
      if (field.value !== text) field.value = text;
      // Safari moves the focus to where a selection is set.
      const isFocused = !field.ownerDocument || field.ownerDocument.activeElement === field;
      if (isFocused && field.selectionStart !== null) field.setSelectionRange(start, end, direction ?? "none");
      if (scrollTop !== undefined) field.scrollTop = scrollTop;
    },
  };
}

/** Has a binding hear of what happens in a field; what it returns ends that. */
export function listenTo(field: TextField, binding: TextBinding): () => void {
  const listeners: Record<string, (event: FieldEvent) => void> = {
    input: () => binding.changed(),
    compositionstart: () => binding.compose(true),
    compositionend: () => binding.compose(false),
    // An input method that is left ends without a word in some browsers.
    blur: () => binding.compose(false),
    beforeinput(event) {
      // The platform's own undo knows nothing of what others typed.
      const steps = { historyUndo: binding.undo, historyRedo: binding.redo }[event.inputType ?? ""];
      if (steps === undefined) return;
      event.preventDefault();
      steps();
    },
    keydown(event) {
      const key = event.key?.toLowerCase();
      if (event.altKey || !(event.ctrlKey || event.metaKey) || (key !== "z" && key !== "y")) return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) binding.redo();
      else binding.undo();
    },
  };
  const entries = Object.entries(listeners);
  for (const [type, listener] of entries) field.addEventListener(type, listener as (event: Event & FieldEvent) => void);
  return () => {
    for (const [type, listener] of entries) field.removeEventListener(type, listener as (event: Event & FieldEvent) => void);
  };
}
