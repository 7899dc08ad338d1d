/** A text that several people type into: what others type moves the caret along instead of throwing it to the end. */

import { useLayoutEffect, useRef } from "react";

interface Props {
  readonly label: string;
  readonly text: string;
  readonly onText: (text: string) => void;
}

export function SharedText({ label, text, onText }: Props) {
  const ref = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const area = ref.current;
    // It is there already where this person has typed it.
    if (area === null || area.value === text) return;
    const { value, selectionStart, selectionEnd } = area;
    area.value = text;
    if (document.activeElement === area) area.setSelectionRange(moved(selectionStart, value, text), moved(selectionEnd, value, text));
  }, [text]);
  return <textarea ref={ref} aria-label={label} rows={3} defaultValue={text} onInput={(event) => onText(event.currentTarget.value)} />;
}

/** Returns where a place of a text is in what the text has become: as far from the end where something changed in front of it. */
function moved(place: number, before: string, after: string): number {
  if (after.startsWith(before.slice(0, place))) return place;
  return Math.max(0, after.length - (before.length - place));
}
