/** Who is signed in, and at which hub. The token itself is never kept: the hub sets a cookie that no script can read. */

import { useSyncExternalStore } from "react";
import { ask, type Asking, HubError } from "./ask";
import type { Session } from "./shapes";

/** Under which name the hub's name is remembered: it is no secret, and without it a reload would ask the wrong hub. */
const HUB_KEY = "syncline.hub";
/** The header that says that a change comes from these pages. */
const CSRF_HEADER = "X-Syncline-CSRF";

/** After how long it is looked again who is signed in, where the hub did not say, in milliseconds. */
const AGAIN_MS = 3_000;

/**
 * How it stands: nobody knows yet, or not because the hub does not say; nobody is signed in (and why, where a session has ended), or
 * somebody is.
 */
export type State = { readonly is: "unknown" } | { readonly is: "away"; readonly error: HubError } | { readonly is: "out"; readonly hasEnded: boolean } | { readonly is: "in"; readonly session: Session };

let state: State = { is: "unknown" };
const listeners = new Set<() => void>();

function become(next: State): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Returns how it stands, and renders again when that changes. */
export function useSession(): State {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Returns the name of the hub that was chosen; empty is the first hub of the server. */
export function hubName(): string {
  return localStorage.getItem(HUB_KEY) ?? "";
}

function pathOf(path: string, hub = hubName()): string {
  return hub === "" ? path : `/h/${encodeURIComponent(hub)}${path}`;
}

/** Signs in with an access token. */
export async function signIn(token: string, hub: string): Promise<void> {
  const session = await ask(pathOf("/v1/session", hub), { method: "POST", headers: { authorization: `Bearer ${token}` } });
  localStorage.setItem(HUB_KEY, hub);
  become({ is: "in", session: session as Session });
}

/** Whether a refusal says nothing of the session: nobody answered, or somebody who cannot now. */
const isAway = ({ status }: HubError): boolean => status === 0 || status === 429 || status >= 500;

let again: ReturnType<typeof setTimeout> | undefined;

/** Looks whether somebody is signed in, until the hub says so: after a reload the cookie is still there. */
export async function resume(): Promise<void> {
  clearTimeout(again);
  try {
    become({ is: "in", session: (await ask(pathOf("/v1/session"))) as Session });
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    if (isAway(error)) {
      again = setTimeout(() => void resume(), AGAIN_MS);
      become({ is: "away", error });
      return;
    }
    become({ is: "out", hasEnded: error.code === "SESSION_ENDED" });
  }
}

/** Ends the session, and returns whether it has ended: not where the hub could not be told, and would let in whoever opens the page next. */
export async function signOut(): Promise<boolean> {
  try {
    await askHub("/v1/session", { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof HubError) || isAway(error)) return false;
  }
  become({ is: "out", hasEnded: false });
  return true;
}

/** Asks the hub that one is signed in at; a session that has ended leads back to the sign-in. */
export async function askHub<T = unknown>(path: string, asking: Asking = {}): Promise<T> {
  const csrf = state.is === "in" ? state.session.csrf : undefined;
  const isChange = asking.method !== undefined && asking.method !== "GET";
  const headers = isChange && csrf !== undefined ? { ...asking.headers, [CSRF_HEADER]: csrf } : (asking.headers ?? {});
  try {
    return (await ask(pathOf(path), { ...asking, headers })) as T;
  } catch (error) {
    if (error instanceof HubError && error.status === 401) become({ is: "out", hasEnded: true });
    throw error;
  }
}
