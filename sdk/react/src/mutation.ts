/** Edits, with how they fare. */

import { SynclineError, type Client, type Edit, type EditFacts, type Edited, type Refused, type Transaction } from "@syncline/client";
import { useEffect, useMemo, useState } from "react";
import type { Opening } from "./opening.js";
import { useClientIfOpen, useOpening } from "./provider.js";

/** How many operations of one hook are remembered, to know what the hub refuses: older ones are told by the quarantine only. */
const OPERATIONS_MAX = 1_000;

/** How the edits of a hook fare. */
interface Course {
  /** How many are being written to the device. */
  readonly writing: number;
  readonly error: Error | undefined;
  readonly refused: Refused | undefined;
}
const AT_REST: Course = { writing: 0, error: undefined, refused: undefined };

/** What `useMutation` answers. The functions stay the same, and never reject: `undefined` means that `error` says why. */
export interface Mutation {
  /** Edits a record, and makes it where there is none. Shown at once; kept once it is durable on the device. */
  edit(entity: string, id: string, write: (edit: Edit) => void, facts?: EditFacts): Promise<Edited | undefined>;
  delete(entity: string, id: string, facts?: EditFacts): Promise<Edited | undefined>;
  transaction(write: (transaction: Transaction) => void, facts?: EditFacts): Promise<Edited | undefined>;
  /** Whether an edit is being written to the device; whether it waits for the hub is `pending` of its record. */
  readonly isPending: boolean;
  /** Why the last edit was not written. */
  readonly error: Error | undefined;
  /** What the hub has refused last of what was edited here. It is shown no more and waits in the quarantine. */
  readonly refused: Refused | undefined;
  /** Forgets `error` and `refused`. */
  reset(): void;
}

/** Returns what edits records. Never suspends: an edit waits for a client that is opening. */
export function useMutation(): Mutation {
  const opening = useOpening();
  const client = useClientIfOpen();
  const [course, setCourse] = useState(AT_REST);
  const hand = useMemo(() => makeHand(opening, setCourse), [opening]);
  useEffect(
    () =>
      client?.onNotice((notice) => {
        if (notice.kind !== "refused" || !hand.isOwn(notice.refused.operation)) return;
        setCourse((course) => ({ ...course, refused: notice.refused }));
      }),
    [client, hand],
  );
  const { writing, error, refused } = course;
  return useMemo(() => ({ ...hand.functions, isPending: writing > 0, error, refused }), [hand, writing, error, refused]);
}

type Functions = Pick<Mutation, "edit" | "delete" | "transaction" | "reset">;

function makeHand(
  opening: Opening,
  setCourse: (next: (course: Course) => Course) => void,
): { functions: Functions; isOwn(operation: number): boolean } {
  const own = new Set<number>();
  async function carryOut(edit: (client: Client) => Promise<Edited>): Promise<Edited | undefined> {
    setCourse((course) => ({ ...course, writing: course.writing + 1, error: undefined }));
    let error: Error | undefined;
    try {
      const stage = opening.stage();
      // At once where that can be: in between the text that was typed into could become another one.
      const edited = await (stage.kind === "open" ? edit(stage.client) : open(opening).then(edit));
      for (const operation of edited.operations) own.add(operation);
      for (const operation of own) if (own.size > OPERATIONS_MAX) own.delete(operation);
      return edited;
    } catch (thrown) {
      error = asError(thrown);
      return undefined;
    } finally {
      setCourse((course) => ({ ...course, writing: course.writing - 1, error: error ?? course.error }));
    }
  }
  return {
    functions: {
      edit: (entity, id, write, facts) => carryOut((client) => client.edit(entity, id, write, facts)),
      delete: (entity, id, facts) => carryOut((client) => client.delete(entity, id, facts)),
      transaction: (write, facts) => carryOut((client) => client.transaction(write, facts)),
      reset: () => setCourse((course) => ({ ...course, error: undefined, refused: undefined })),
    },
    isOwn: (operation) => own.has(operation),
  };
}

/** Returns the client of a provider once it is open. */
export async function open(opening: Opening): Promise<Client> {
  let stage = opening.stage();
  if (stage.kind === "opening") {
    await stage.opened;
    stage = opening.stage();
  }
  if (stage.kind === "open") return stage.client;
  if (stage.kind === "failed") throw stage.error;
  throw new SynclineError("CLIENT_CLOSED", "the provider has no client");
}

/** Returns what was thrown as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("what was thrown is no error", { cause: thrown });
}
