/** A client that may still be opening, as something to subscribe to. */

import type { Client } from "@syncline/client";

/** What a provider is given: a client, one that is being opened, or none, as on a server. */
export type ClientSource = Client | PromiseLike<Client> | undefined;

/** How far a client is. */
export type Stage =
  | { readonly kind: "none" }
  | { readonly kind: "opening"; readonly opened: PromiseLike<unknown> }
  | { readonly kind: "open"; readonly client: Client }
  | { readonly kind: "failed"; readonly error: unknown };

/** A stage that may change once. `stage()` answers the same object until it does. */
export interface Opening {
  stage(): Stage;
  subscribe(listener: () => void): () => void;
}

/** One for each source: whoever renders again, or twice, meets the same stage and the same promise. */
const openings = new WeakMap<object, Opening>();

const NONE: Opening = fixed({ kind: "none" });

/** Returns the stage of a source. */
export function openingOf(source: ClientSource): Opening {
  if (source === undefined) return NONE;
  let opening = openings.get(source);
  if (opening === undefined) {
    opening = "then" in source ? awaited(source) : fixed({ kind: "open", client: source });
    openings.set(source, opening);
  }
  return opening;
}

function fixed(stage: Stage): Opening {
  return { stage: () => stage, subscribe: () => () => {} };
}

function awaited(source: PromiseLike<Client>): Opening {
  const listeners = new Set<() => void>();
  const become = (next: Stage): void => {
    stage = next;
    for (const listener of [...listeners]) listener();
  };
  const opened = Promise.resolve(source).then(
    (client) => become({ kind: "open", client }),
    (error: unknown) => become({ kind: "failed", error }),
  );
  let stage: Stage = { kind: "opening", opened };
  return {
    stage: () => stage,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
