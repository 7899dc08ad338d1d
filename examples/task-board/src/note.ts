/** What a note holds, and the columns of the board. */

/** Another version of this app, or another program, may have left something out. */
export type Note = { title?: string; text?: string; column?: string; made?: string };

export const COLUMNS = [
  { id: "todo", name: "To do" },
  { id: "doing", name: "Doing" },
  { id: "done", name: "Done" },
] as const;

/** Returns where a note stands: one with a column that this version does not know stands in the first. */
export function columnOf(note: Note): string {
  return (COLUMNS.find(({ id }) => id === note.column) ?? COLUMNS[0]).id;
}
