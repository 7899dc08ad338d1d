/** One conflict, to be decided. */

import type { ConflictDetail, Decision } from "@syncline/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { asError, open } from "./mutation.js";
import { useClientIfOpen, useOpening } from "./provider.js";
import { useSyncStatus } from "./status.js";

/** What `useConflict` answers. */
export interface ConflictDesk {
  /** What a person needs to decide; `undefined` until the hub has told it. */
  readonly detail: ConflictDetail | undefined;
  /** Why it could not be told, or not be decided. */
  readonly error: Error | undefined;
  readonly isDeciding: boolean;
  /** Decides it. Never rejects: `false` means that `error` says why. */
  decide(decision: Decision): Promise<boolean>;
}

interface Told {
  readonly id: string | undefined;
  readonly detail?: ConflictDetail;
  readonly error?: Error;
}

/** Returns a conflict with all that a person needs, asked of the hub; again when the hub comes in reach. */
export function useConflict(id: string | undefined): ConflictDesk {
  const opening = useOpening();
  const client = useClientIfOpen();
  const { network } = useSyncStatus();
  const isReachable = network === "online" || network === "up-to-date";
  const [told, setTold] = useState<Told>({ id: undefined });
  const [deciding, setDeciding] = useState(0);
  const shownId = useRef(id);
  useEffect(() => {
    shownId.current = id;
    if (client === undefined || id === undefined) return;
    let isOver = false;
    const tell = (next: Told): void => {
      if (!isOver) setTold(next);
    };
    client.conflict(id).then(
      (detail) => tell({ id, detail }),
      (thrown: unknown) => tell({ id, error: asError(thrown) }),
    );
    return () => {
      isOver = true;
    };
  }, [client, id, isReachable]);
  const decide = useCallback(
    async (decision: Decision): Promise<boolean> => {
      if (id === undefined) return false;
      setDeciding((count) => count + 1);
      try {
        await (await open(opening)).decide(id, decision);
        return true;
      } catch (thrown) {
        if (shownId.current === id) setTold((told) => ({ ...(told.id === id ? told : { id }), error: asError(thrown) }));
        return false;
      } finally {
        setDeciding((count) => count - 1);
      }
    },
    [opening, id],
  );
  // What was told of the conflict before this one is not shown as this one's.
  const { detail, error } = told.id === id ? told : { detail: undefined, error: undefined };
  return { detail, error, isDeciding: deciding > 0, decide };
}
