/** All elements that are on the page: one timer wakes those whose text changes next, and none while nobody looks. */

/** Longest sleep of the timer: on a device that slept meanwhile timers stood still, and what it shows is old for so long. */
export const SLEEP_MS_MAX = 60_000;
/** By how much the clock of the device may part from the one that nobody sets before it was set, or the device slept. */
export const JUMP_MS_MAX = 1_000;

/** Renders, and returns in how many milliseconds what it shows changes; `Infinity` for never. */
export type Render = () => number;

interface Shown {
  readonly render: Render;
  /** On the clock that nobody sets. */
  dueMs: number;
}

const shown = new Map<object, Shown>();
let timer: ReturnType<typeof setTimeout> | undefined;
let wakesAtMs = Infinity;
/** How the two clocks of the device stood to each other when the timer was last set. */
let standMs = 0;
let languages: MutationObserver | undefined;

/** Returns how the clock of the device stands to the one that nobody sets. */
export function clockStand(): number {
  return Date.now() - performance.now();
}

/** Renders now, and again whenever its time comes, until `forget`. */
export function keepShown(key: object, render: Render): void {
  if (shown.size === 0) listen();
  shown.set(key, { render, dueMs: 0 });
  renderOne(key);
}

/** Renders something that is shown anew; nothing if it is not. */
export function renderOne(key: object): void {
  const one = shown.get(key);
  if (one === undefined) return;
  const now = performance.now();
  one.dueMs = now + one.render();
  if (one.dueMs < wakesAtMs) sleepUntil(one.dueMs, now);
}

/** Renders all anew: the time is another one, or the language. */
export function renderAll(): void {
  renderDue(Infinity);
}

/** Renders it no more. */
export function forget(key: object): void {
  if (!shown.delete(key) || shown.size > 0) return;
  stopTimer();
  languages?.disconnect();
  document.removeEventListener("visibilitychange", look);
}

function listen(): void {
  document.addEventListener("visibilitychange", look);
  languages ??= new MutationObserver(renderAll);
  languages.observe(document.documentElement, { attributeFilter: ["lang"], subtree: true });
}

function look(): void {
  if (document.hidden) stopTimer();
  else renderAll();
}

function stopTimer(): void {
  clearTimeout(timer);
  wakesAtMs = Infinity;
}

function sleepUntil(dueMs: number, now: number): void {
  stopTimer();
  if (document.hidden || dueMs === Infinity) return;
  wakesAtMs = Math.min(dueMs, now + SLEEP_MS_MAX);
  standMs = clockStand();
  timer = setTimeout(wake, Math.max(0, Math.ceil(wakesAtMs - now)));
}

function wake(): void {
  const isSame = Math.abs(clockStand() - standMs) < JUMP_MS_MAX;
  renderDue(isSame ? performance.now() : Infinity);
}

function renderDue(untilMs: number): void {
  const now = performance.now();
  let next = Infinity;
  for (const one of shown.values()) {
    if (one.dueMs <= untilMs) one.dueMs = now + one.render();
    next = Math.min(next, one.dueMs);
  }
  sleepUntil(next, now);
}
