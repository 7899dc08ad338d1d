/** Which client the hooks below a provider use. */

import type { Client } from "@syncline/client";
import { createContext, createElement, useContext, useState, useSyncExternalStore, type ReactElement, type ReactNode } from "react";
import { openingOf, type ClientSource, type Opening, type Stage } from "./opening.js";

const Context = createContext<Opening | undefined>(undefined);

/** Gives a client to the hooks below it. */
export function SynclineProvider(props: { readonly client: ClientSource; readonly children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: openingOf(props.client) }, props.children);
}

/** What is rendered on a server, and what a page that a server has rendered begins with: both the same, or they would not match. */
const ON_SERVER: Stage = { kind: "none" };
const onServer = (): Stage => ON_SERVER;

/** Returns how far the client of the provider is. Never suspends. */
export function useOpening(): Opening {
  const opening = useContext(Context);
  if (opening === undefined) throw new Error("a hook of @syncline/react stands outside of <SynclineProvider>");
  return opening;
}

/** Returns the client once it is open. Never suspends, and throws nothing. */
export function useClientIfOpen(): Client | undefined {
  const opening = useOpening();
  const stage = useSyncExternalStore(opening.subscribe, opening.stage, onServer);
  return stage.kind === "open" ? stage.client : undefined;
}

/**
 * Returns the client, and suspends while it is opening; `undefined` on a server and where the provider was given none.
 *
 * What a server has rendered does not suspend: it would disappear again. It is shown as it is until the client is open.
 *
 * @throws whatever opening has failed with, for an error boundary.
 */
export function useClient(): Client | undefined {
  const opening = useOpening();
  const stage = useSyncExternalStore(opening.subscribe, opening.stage, onServer);
  const [isFromServer] = useState(stage === ON_SERVER);
  if (stage.kind === "failed") throw stage.error;
  // A thrown promise is what React 18 and 19 both wait for; `use` is only there in 19.
  if (stage.kind === "opening" && !isFromServer) throw stage.opened;
  return stage.kind === "open" ? stage.client : undefined;
}
