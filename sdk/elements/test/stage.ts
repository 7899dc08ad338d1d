/** A page with a clock that only the test moves. */

import { vi } from "vitest";
import "../src/index.js";

/** What time it is when a test begins. */
export const NOW = Date.parse("2024-01-31T12:00:00.000Z");
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Takes the clock into the hands of the test. */
export function holdClock(): void {
  vi.useFakeTimers({ now: NOW });
}

/** Leaves nothing behind. */
export function tidyUp(): void {
  document.body.replaceChildren();
  document.documentElement.removeAttribute("lang");
  setHidden(false);
  vi.useRealTimers();
}

/** The time so long before `NOW`. */
export const ago = (ageMs: number): string => new Date(NOW - ageMs).toISOString();

/** Puts HTML into the page and returns its first element. */
export function put(html: string): HTMLElement {
  document.body.insertAdjacentHTML("beforeend", html);
  const put = document.body.lastElementChild;
  if (!(put instanceof HTMLElement)) throw new Error(`not an element: ${html}`);
  return put;
}

/** Returns a part of an element in its light tree. */
export function part(element: Element, name: "state" | "lead" | "time" | "absolute"): HTMLElement {
  const found = element.querySelector(`[data-part=${name}]`);
  if (!(found instanceof HTMLElement)) throw new Error(`no ${name} in ${element.outerHTML}`);
  return found;
}

/** Returns what is seen of an element: what a page has put into it is not. */
export function seen(element: Element): string {
  return (["state", "lead", "time"] as const).map((name) => part(element, name).textContent).join("");
}

/** Has nobody look at the page, or somebody. */
export function setHidden(isHidden: boolean): void {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}

/** Lets what is done at the end of a task be done. */
export const settle = (): Promise<void> => Promise.resolve().then(() => undefined);
