/** The board: columns, and the notes in them. */

import { useConflicts, useMutation, useQuery } from "@syncline/react";
import { useState } from "react";
import { Card } from "./card.js";
import { ConflictDialog } from "./conflict-dialog.js";
import { COLUMNS, columnOf, type Note } from "./note.js";
import type { Person } from "./person.js";
import { StatusBar } from "./status-bar.js";

export function Board({ person: { name, entity } }: { person: Person }) {
  const notes = useQuery<Note>({ entity, sort: ["/made"] });
  const conflicts = useConflicts();
  const mutation = useMutation();
  const [added, setAdded] = useState<string>();
  const [deciding, setDeciding] = useState<string>();
  // Gone as soon as nothing is in conflict any more, also when somebody else has decided it.
  const disputed = conflicts.find(({ id }) => id === deciding);

  function add(column: string) {
    const id = crypto.randomUUID();
    const made = new Date().toISOString();
    void mutation.edit(entity, id, (note) => note.set("/title", "New note").set("/column", column).set("/made", made).beginText("/text", ""));
    setAdded(id);
  }

  return (
    <>
      <StatusBar person={name} onDecide={setDeciding} />
      {mutation.error && <p role="alert" className="alert">Not saved: {mutation.error.message}</p>}
      <main className="board">
        {COLUMNS.map((column) => (
          <section key={column.id} aria-labelledby={`column-${column.id}`} className="column">
            <h2 id={`column-${column.id}`}>{column.name}</h2>
            <ul>
              {notes.filter(({ value }) => columnOf(value) === column.id).map((note) => (
                <li key={note.id}>
                  <Card note={note} isNew={note.id === added} onDecide={setDeciding} />
                </li>
              ))}
            </ul>
            <button onClick={() => add(column.id)} aria-label={`Add a note to ${column.name}`}>+ Add a note</button>
          </section>
        ))}
      </main>
      {disputed && <ConflictDialog record={disputed} onClose={() => setDeciding(undefined)} />}
    </>
  );
}
