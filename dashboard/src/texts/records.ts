/** What the page of records says, in English. */

import { many } from "./many";

export const RECORDS = {
  title: "Records",
  about: "One record, and what it went through.",
  entity: "Entity",
  id: "Record",
  open: "Open",
  listTitle: (entity: string) => `Records of ${entity}`,
  none: (entity: string) => `There is no record of ${entity}`,
  noneHelp: "Look at the name of the entity; records appear as soon as somebody writes one.",
  start: "Which record?",
  startHelp: "Name an entity to list its records, and a record to see its history.",
  now: "Now",
  at: "As it was",
  travel: "Time travel",
  travelHelp: "Choose a change to see the record as it was right after it, or any time.",
  toTime: "As it was at",
  position: (n: number) => `place ${n} in the log`,
  changed: "What changed",
  newest: "the newest",
  conflicts: (count: number) => many(count, "open conflict", "open conflicts"),
  proof: "Prove the latest change",
  earlier: "Earlier",
  unknown: "There is no such record, and nothing of one is kept. Look at how entity and record are written.",
  gone: "It was deleted then, or not there yet.",
  back: "Back to the list",
} as const;
