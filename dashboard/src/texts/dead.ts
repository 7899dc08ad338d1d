/** What the page of dead letters says, in English. */

export const DEAD = {
  title: "Dead letters",
  about: "What was given up, and why.",
  deliveries: "Deliveries that were given up",
  operations: "Operations that were refused for good",
  deliveriesNone: "No delivery was given up",
  deliveriesNoneHelp: "What fails for three days, or whatever its endpoint says, ends here and can be replayed.",
  operationsNone: "No operation was refused",
  operationsNoneHelp: "What a client sends and the hub refuses for good ends here; the client keeps its values.",
  client: "Client",
  op: "Operation",
  entity: "Entity",
  code: "Code",
  endpoint: "Endpoint",
  reason: "Reason",
  at: "Given up",
} as const;
