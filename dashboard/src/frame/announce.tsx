/** What was done, said once: seen for a while, and read aloud. */

import { type ReactElement, useSyncExternalStore } from "react";

/** How long it is seen, in milliseconds: time to read two lines. */
const SHOWN_MS = 8_000;

let said = "";
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function put(text: string): void {
  said = text;
  for (const listener of listeners) listener();
}

/** Says that something was done. */
export function announce(text: string): void {
  clearTimeout(timer);
  put(text);
  timer = setTimeout(() => put(""), SHOWN_MS);
}

/** Where it is said. */
export function Announced(): ReactElement {
  const text = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => said,
  );
  return (
    <div role="status" className="announced">
      {text === "" ? null : <p>{text}</p>}
    </div>
  );
}
