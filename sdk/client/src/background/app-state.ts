/** An app that goes to the background and comes back. */

import type { Client } from "../api.js";
import { FLUSH_MS } from "./limits.js";

/** The part of React Native's `AppState` that is needed. */
export interface AppState {
  readonly currentState: string;
  addEventListener(type: "change", listener: (state: string) => void): { remove(): void };
}

/**
 * Has a client send what waits as the app goes to the background and then let go of the connection, which the system would cut
 * anyway; and connect as the app comes back. Returns what ends that.
 */
export function followAppState(client: Client, appState: AppState, facts: { readonly flushMs?: number } = {}): () => void {
  const { flushMs = FLUSH_MS } = facts;
  /** How often the app has changed sides: what was begun before that decides nothing any more. */
  let turn = 0;
  let isInFront = true;
  let isEnded = false;

  async function change(state: string): Promise<void> {
    // "inactive" is between the two, as under a call or the list of apps.
    if ((state !== "active" && state !== "background") || (state === "active") === isInFront) return;
    isInFront = state === "active";
    turn += 1;
    const mine = turn;
    if (isInFront) {
      client.setOnline(true);
      return;
    }
    // What is not sent by then waits, as ever.
    await client.sync(flushMs).catch(() => undefined);
    if (mine === turn && !isEnded) client.setOnline(false);
  }

  const subscription = appState.addEventListener("change", (state) => void change(state));
  void change(appState.currentState);
  return () => {
    isEnded = true;
    subscription.remove();
  };
}
