/** What the page of runs says, in English. */

export const RUNS = {
  title: "Runs",
  about: "Synchronisations with folders.",
  none: "No run yet",
  noneHelp: "syncline sync, or serve --watch, makes one.",
  when: "When",
  what: "Between",
  status: "Status",
  summary: "Numbers",
  statuses: { success: "done", conflicts: "done, with conflicts", partial: "done in part", failed: "failed", rolled_back: "undone" },
} as const;
