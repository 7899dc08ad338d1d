/** j and k in a list: the focus goes from row to row. */

import { type RefObject, useRef } from "react";
import { useKeys } from "../frame/keys";
import { TEXTS } from "../texts";

/** Returns what a list is marked with; its rows are what has `data-row`, and each can take the focus. */
export function useRows<E extends HTMLElement>(): RefObject<E | null> {
  const list = useRef<E>(null);
  const step = (by: number): void => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const at = rows.findIndex((row) => row === document.activeElement || row.closest("tr, li")?.contains(document.activeElement) === true);
    const next = at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next]?.focus();
    rows[next]?.scrollIntoView({ block: "nearest" });
  };
  useKeys([
    { key: "j", says: TEXTS.keys.next, does: () => step(1) },
    { key: "k", says: TEXTS.keys.previous, does: () => step(-1) },
  ]);
  return list;
}
