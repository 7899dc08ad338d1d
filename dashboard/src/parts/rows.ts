/** j and k in the lists of a page: the focus goes from row to row, and to what loads more of them. */

import { useKeys } from "../frame/keys";
import { TEXTS } from "../texts/texts";

/** Moves the focus among what has `data-row`, or is a row with the focus in it. */
function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("#page [data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement || row.closest("tr, li")?.contains(document.activeElement) === true);
  const next = at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
  rows[next]?.scrollIntoView({ block: "nearest" });
}

export function useRows(): void {
  useKeys([
    { key: "j", says: TEXTS.keys.next, does: () => step(1) },
    { key: "k", says: TEXTS.keys.previous, does: () => step(-1) },
  ]);
}
