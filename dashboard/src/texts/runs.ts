/** What the page of runs says, in English. */

import { many } from "./many";

export const RUNS = {
  title: "Runs",
  about: "Synchronisations with folders.",
  none: "No run yet",
  noneHelp: "syncline sync, or serve --watch, makes one.",
  when: "When",
  what: "Between",
  status: "Status",
  summary: "Numbers",
  numbers: (added: number, updated: number, deleted: number, open: number, failed: number) => {
    const said = [`${added.toLocaleString()} added`, `${updated.toLocaleString()} changed`, `${deleted.toLocaleString()} deleted`];
    if (open > 0) said.push(many(open, "conflict waits", "conflicts wait"));
    if (failed > 0) said.push(`${failed.toLocaleString()} failed`);
    return said.join(", ");
  },
  problems: "What it met",
  statuses: { success: "done", conflicts: "done, with conflicts", partial: "done in part", failed: "failed", rolled_back: "undone" },
} as const;
