/** Whether somebody sees another tab of the app: the one that holds the connection may be hidden while another one is looked at. */

import { TABS_MAX, VISIBLE_SAY_MS, VISIBLE_VALID_MS } from "./limits.js";

/** What tabs say to each other; one that begins asks. */
interface Said {
  readonly tab: string;
  readonly isVisible: boolean;
  readonly asks?: true;
}

export interface OtherTabs {
  /** Has those that are seen say so. */
  ask(): void;
  isOneVisible(): boolean;
  /** Tells the others whether somebody sees this one. */
  say(isVisible: boolean): void;
  close(): void;
}

/** Watches the other tabs of a place, and calls when something may have changed. Where tabs cannot talk there is only this one. */
export function otherTabs(place: string, changed: () => void, now: () => number): OtherTabs {
  const Channel = globalThis.BroadcastChannel as typeof BroadcastChannel | undefined;
  if (Channel === undefined) return { ask() {}, isOneVisible: () => false, say() {}, close() {} };
  const channel = new Channel(`syncline-adaptive:${place}`);
  // Node would not end for as long as it listens.
  (channel as { unref?: () => void }).unref?.();
  const tab = Math.random().toString(36).slice(2);
  const seen = new Map<string, number>();
  let isVisible = false;

  const post = (facts: Pick<Said, "asks">) => channel.postMessage({ tab, isVisible, ...facts } satisfies Said);
  channel.onmessage = ({ data }: { data: Said }) => {
    seen.delete(data.tab);
    if (data.isVisible && seen.size < TABS_MAX) seen.set(data.tab, now());
    if (data.asks && isVisible) post({});
    changed();
  };
  // One that was killed says nothing more: it is believed for a while only.
  const timer = setInterval(() => {
    if (isVisible) post({});
    else changed();
  }, VISIBLE_SAY_MS);
  (timer as { unref?: () => void }).unref?.();
  return {
    ask: () => post({ asks: true }),
    isOneVisible: () => [...seen.values()].some((whenMs) => now() - whenMs < VISIBLE_VALID_MS),
    say(isVisibleNow) {
      if (isVisible === isVisibleNow) return;
      isVisible = isVisibleNow;
      post({});
    },
    close() {
      clearInterval(timer);
      if (isVisible) channel.postMessage({ tab, isVisible: false } satisfies Said);
      channel.close();
    },
  };
}
