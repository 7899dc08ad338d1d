/** One note, which everybody may edit at any time. */

import type { Shown } from "@syncline/client";
import { useMutation } from "@syncline/react";
import { useState } from "react";
import { COLUMNS, columnOf, type Note } from "./note.js";
import { SharedText } from "./shared-text.js";

interface Props {
  readonly note: Shown<Note>;
  readonly isNew: boolean;
  readonly onDecide: (id: string) => void;
}

export function Card({ note: { entity, id, value, pending, conflicts }, isNew, onDecide }: Props) {
  const { edit, delete: remove, error } = useMutation();
  const [draft, setDraft] = useState<string>();
  const title = value.title ?? "";

  /** A title is one value: it is written when it is ready, not with every key. */
  function rename() {
    if (draft !== undefined && draft !== title) void edit(entity, id, (note) => note.set("/title", draft));
    setDraft(undefined);
  }

  return (
    <article className="card" aria-label={title} data-pending={pending}>
      <input
        id={`title-${id}`}
        className="title"
        aria-label="Title"
        value={draft ?? title}
        autoFocus={isNew}
        onFocus={(event) => isNew && event.target.select()}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={rename}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setDraft(undefined);
        }}
      />
      <SharedText entity={entity} id={id} label={`Text of ${title}`} />
      <footer>
        <select aria-label={`Column of ${title}`} value={columnOf(value)} onChange={(event) => void edit(entity, id, (note) => note.set("/column", event.target.value))}>
          {COLUMNS.map((column) => (
            <option key={column.id} value={column.id}>{column.name}</option>
          ))}
        </select>
        <button onClick={() => void remove(entity, id)} aria-label={`Delete ${title}`}>Delete</button>
        {pending && <span className="mark pending">not sent yet</span>}
        {conflicts.length > 0 && (
          <button className="mark conflict" onClick={() => onDecide(id)} aria-label={`Decide the conflict of ${title}`}>Conflict</button>
        )}
      </footer>
      {error && <p role="alert" className="alert">Not saved: {error.message}</p>}
    </article>
  );
}
