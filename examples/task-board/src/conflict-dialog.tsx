/** Two people gave one field two values: side by side, and what can be done. */

import type { Json, JsonObject, Shown } from "@syncline/client";
import { useClient, useConflict } from "@syncline/react";
import { useEffect, useRef, useState } from "react";

export function ConflictDialog({ record, onClose }: { record: Shown; onClose: () => void }) {
  const client = useClient();
  const { detail, error, isDeciding, decide } = useConflict(record.conflicts[0]?.id);
  const [other, setOther] = useState<string>();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
    // What had the focus may be gone with the conflict.
    return () => document.getElementById(`title-${record.id}`)?.focus();
  }, [record.id]);

  const sides = readSides(detail?.detail);
  const mine = sides.find(({ writer }) => writer === client?.id);
  const theirs = sides.find(({ writer }) => writer !== client?.id);

  return (
    <dialog ref={dialog} aria-labelledby="conflict-title" onClose={onClose}>
      <h2 id="conflict-title">Which {detail ? detail.path.slice(1) : "value"} shall it be?</h2>
      {detail === undefined && error === undefined && <p aria-busy="true">Asking the hub…</p>}
      {error && <p role="alert" className="alert">{error.message}</p>}
      {detail && (
        <>
          <div className="sides">
            <Side name="Mine" value={mine ? mine.value : detail.shown}>
              <button disabled={isDeciding} onClick={() => void decide("mine")}>Keep mine</button>
            </Side>
            <Side name={theirs ? `Theirs, by ${theirs.writer.replace(/-[^-]*$/, "")}` : "Theirs"} value={theirs?.value}>
              <button disabled={isDeciding || theirs === undefined} onClick={() => void decide("theirs")}>Take theirs</button>
            </Side>
          </div>
          <form onSubmit={(event) => (event.preventDefault(), void decide({ edit: other ?? asText(detail.shown) }))}>
            <label>
              Something else <input value={other ?? asText(detail.shown)} onChange={(event) => setOther(event.target.value)} />
            </label>
            <button disabled={isDeciding}>Take this</button>
          </form>
        </>
      )}
      <button disabled={isDeciding} onClick={async () => (await decide("later"), onClose())}>Later</button>
    </dialog>
  );
}

function Side({ name, value, children }: { name: string; value: Json | undefined; children: React.ReactNode }) {
  return (
    <section aria-label={name}>
      <h3>{name}</h3>
      <p className="value">{asText(value) || <i>nothing</i>}</p>
      {children}
    </section>
  );
}

interface OneSide {
  readonly writer: string;
  readonly value: Json | undefined;
}

/** Reads the sides of what the hub tells of a conflict. */
function readSides(conflict: JsonObject | undefined): readonly OneSide[] {
  const sides = conflict?.["sides"];
  if (!Array.isArray(sides)) return [];
  return (sides as readonly JsonObject[]).map((side) => ({ writer: asText(side["writer"]), value: side["value"] }));
}

function asText(value: Json | undefined): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
