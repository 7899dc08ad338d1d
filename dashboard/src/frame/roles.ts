/** Which pages there are, under which keys, and for whom: the roles of the hub's routes. */

import type { Role } from "../hub/shapes";
import { TEXTS } from "../texts/texts";

export interface Entry {
  readonly to: "/" | "/conflicts" | "/endpoints" | "/dead" | "/events" | "/records" | "/domains" | "/runs" | "/audit";
  readonly name: string;
  /** After g. */
  readonly key: string;
  readonly roles: readonly Role[];
}

const KEEPERS: readonly Role[] = ["operator", "admin"];
const REVIEWERS: readonly Role[] = ["reviewer", "editor", "admin"];
const READERS: readonly Role[] = ["client", "reviewer", "editor", "admin"];
const ADMINS: readonly Role[] = ["admin"];

export const ENTRIES: readonly Entry[] = [
  { to: "/", name: TEXTS.pages.overview, key: "o", roles: KEEPERS },
  { to: "/conflicts", name: TEXTS.pages.conflicts, key: "c", roles: REVIEWERS },
  { to: "/endpoints", name: TEXTS.pages.endpoints, key: "e", roles: ADMINS },
  { to: "/dead", name: TEXTS.pages.dead, key: "l", roles: KEEPERS },
  { to: "/events", name: TEXTS.pages.events, key: "t", roles: [...READERS, "operator"] },
  { to: "/records", name: TEXTS.pages.records, key: "r", roles: READERS },
  { to: "/domains", name: TEXTS.pages.domains, key: "d", roles: KEEPERS },
  { to: "/runs", name: TEXTS.pages.runs, key: "u", roles: KEEPERS },
  { to: "/audit", name: TEXTS.pages.audit, key: "a", roles: ADMINS },
];

/** Returns the pages for a role. */
export function entriesOf(role: Role): readonly Entry[] {
  return ENTRIES.filter(({ roles }) => roles.includes(role));
}
