/** What the page of event types says, in English. */

export const EVENTS = {
  title: "Event types",
  about: "What applications may emit and endpoints are told, with what each says.",
  strict: "Events of other types are refused.",
  lenient: "Events of other types are taken as they come.",
  none: "No type of event yet",
  noneHelp: "Types come with the schema of an entity, or with PUT /v1/event-types.",
  type: "Type",
  origin: "From",
  origins: { catalogue: "the catalogue", records: "changes of records" },
  description: "Description",
  version: "Version",
  retired: "retired",
  schema: "Schema of its data",
  examples: "Examples",
  versions: "Versions",
} as const;
