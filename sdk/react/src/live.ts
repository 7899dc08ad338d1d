/** Records that stay up to date. */

import type { Client, JsonObject, Query, Shown } from "@syncline/client";
import { useMemo, useSyncExternalStore } from "react";
import { useClient } from "./provider.js";

/** Something to subscribe to whose snapshot is the same until it changes. */
interface Source<T> {
  subscribe(listener: () => void): () => void;
  snapshot(): T;
}

const EMPTY: readonly Shown[] = [];
const empty = (): readonly Shown[] => EMPTY;
const NOTHING: Source<readonly Shown[]> = { subscribe: () => () => {}, snapshot: empty };

function sourceOf(client: Client, query: Query): Source<readonly Shown[]> {
  const live = client.live(query);
  return { subscribe: (listener) => live.subscribe(() => listener()), snapshot: () => live.records() };
}

/**
 * Returns the records of a query, and renders again when they change. Suspends while the client is opening; empty on a server.
 *
 * A query may be written in place. Only a function as `where` must stay the same one (`useCallback`, or outside of the component):
 * two functions cannot be compared.
 */
export function useQuery<T extends JsonObject = JsonObject>(query: Query | undefined): readonly Shown<T>[] {
  const client = useClient();
  const key = JSON.stringify(query);
  const where = typeof query?.where === "function" ? query.where : undefined;
  // The key stands for the query, which is another object in each render.
  const source = useMemo(() => (client && query ? sourceOf(client, query) : NOTHING), [client, key, where]);
  return useSyncExternalStore(source.subscribe, source.snapshot, empty) as readonly Shown<T>[];
}

/** Returns a record, `undefined` where there is none, and renders again when it changes. Suspends while the client is opening. */
export function useRecord<T extends JsonObject = JsonObject>(entity: string, id: string | undefined): Shown<T> | undefined {
  return useQuery<T>(id === undefined ? undefined : { entity, id })[0];
}

/** Returns the records with conflicts that wait for a person. Suspends while the client is opening; empty on a server. */
export function useConflicts(): readonly Shown[] {
  const client = useClient();
  const source = useMemo(
    () => (client ? { subscribe: (listener: () => void) => client.onConflicts(() => listener()), snapshot: () => client.conflicts() } : NOTHING),
    [client],
  );
  return useSyncExternalStore(source.subscribe, source.snapshot, empty);
}
