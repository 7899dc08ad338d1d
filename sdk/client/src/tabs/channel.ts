/** What the tabs of one browser tell each other. Nothing is promised: a tab that missed something reads it from the storage. */

/** A message says what it is. */
export interface Message {
  readonly kind: string;
}

/** The way to the other tabs. */
export interface Channel<M extends Message> {
  /** Tells all other tabs. */
  post(message: M): void;
  /** Hears messages of one kind; answers what ends that. */
  on<K extends M["kind"]>(kind: K, listener: (message: Extract<M, { readonly kind: K }>) => void): () => void;
  close(): void;
}

/** Opens the channel of a place. Where there are no other tabs nobody hears. */
export function openChannel<M extends Message>(name: string): Channel<M> {
  const listeners = new Map<string, Set<(message: never) => void>>();
  const broadcast = typeof BroadcastChannel === "function" ? new BroadcastChannel(`syncline:${name}`) : undefined;
  // Node would not end for as long as it listens.
  (broadcast as { unref?: () => void } | undefined)?.unref?.();
  if (broadcast !== undefined) {
    broadcast.onmessage = ({ data }) => {
      for (const listener of listeners.get(data?.kind) ?? []) listener(data as never);
    };
  }
  let isOpen = true;
  return {
    post(message) {
      if (isOpen) broadcast?.postMessage(message);
    },
    on(kind, listener) {
      const heard = listeners.get(kind) ?? new Set();
      listeners.set(kind, heard.add(listener as (message: never) => void));
      return () => heard.delete(listener as (message: never) => void);
    },
    close() {
      isOpen = false;
      listeners.clear();
      broadcast?.close();
    },
  };
}
