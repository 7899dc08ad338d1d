/** Keys that do something, and which there are at the moment: one listener for the whole page. */

import { useEffect, useRef, useSyncExternalStore } from "react";

/** What a key does. */
export interface Key {
  /** As `KeyboardEvent.key` names it, or two of them with a space: one after the other. */
  readonly key: string;
  readonly says: string;
  readonly does: () => void;
}

/** How long the second key of two may take, in milliseconds: time to find it. */
const SECOND_KEY_MS_MAX = 2_000;
/** Under which name it is remembered that keys of one letter are not wanted, as users of speech input ask for. */
const OFF_KEY = "syncline.keys-off";

const groups = new Map<symbol, readonly Key[]>();
const listeners = new Set<() => void>();
let shown: readonly Key[] = [];
let first: { readonly key: string; readonly at: number } | undefined;

function tell(): void {
  shown = [...groups.values()].flat();
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Returns all keys that do something now. */
export function useAllKeys(): readonly Key[] {
  return useSyncExternalStore(subscribe, () => shown);
}

export function areKeysOff(): boolean {
  return localStorage.getItem(OFF_KEY) === "yes";
}

export function setKeysOff(areOff: boolean): void {
  if (areOff) localStorage.setItem(OFF_KEY, "yes");
  else localStorage.removeItem(OFF_KEY);
}

/** Has keys do something as long as the component is there. */
export function useKeys(keys: readonly Key[]): void {
  const group = useRef(Symbol("keys"));
  const latest = useRef(keys);
  latest.current = keys;
  const names = keys.map(({ key, says }) => `${key}\n${says}`).join("\n\n");
  useEffect(() => {
    const symbol = group.current;
    groups.set(symbol, latest.current.map((one, at) => ({ ...one, does: () => latest.current[at]?.does() })));
    tell();
    return () => {
      groups.delete(symbol);
      tell();
    };
  }, [names]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Listens from now on; called once. */
export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (areKeysOff() && event.key !== "?") return;
    const isSecond = first !== undefined && event.timeStamp - first.at < SECOND_KEY_MS_MAX;
    const name = isSecond ? `${first?.key} ${event.key}` : event.key;
    first = undefined;
    // What was registered last stands nearer to the person.
    const found = shown.findLast(({ key }) => key === name);
    if (found !== undefined) {
      event.preventDefault();
      found.does();
    } else if (shown.some(({ key }) => key.startsWith(`${event.key} `))) {
      first = { key: event.key, at: event.timeStamp };
    }
  });
}
