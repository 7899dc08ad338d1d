/** What the page of records asks of the hub. */

import { queryOptions } from "@tanstack/react-query";
import { paged } from "../../hub/paged";
import { askHub } from "../../hub/session";
import type { Change, Next, PastChange } from "../../hub/shapes";

/** How many records, and how many changes, a page has. */
const PAGE = 50;

const recordsPath = (entity: string): string => `/v1/entities/${encodeURIComponent(entity)}/records`;
const recordPath = (entity: string, id: string): string => `${recordsPath(entity)}/${encodeURIComponent(id)}`;

export const listQuery = (entity: string) => paged<{ readonly records: readonly Change[] } & Next>(["records", entity], recordsPath(entity), { limit: PAGE });

/** A record as it is, or as it was at a time. */
export const recordQuery = (entity: string, id: string, at: string | undefined) =>
  queryOptions({ queryKey: ["records", entity, id, at ?? "now"], queryFn: ({ signal }) => askHub<Change>(`${recordPath(entity, id)}${at === undefined ? "" : `?at=${encodeURIComponent(at)}`}`, { signal }) });

export const historyQuery = (entity: string, id: string) =>
  paged<{ readonly changes: readonly PastChange[] } & Next>(["records", entity, id, "history"], `${recordPath(entity, id)}/history`, { limit: PAGE, from: "before" });

export const schemasQuery = queryOptions({
  queryKey: ["schemas"],
  queryFn: async ({ signal }) => {
    const { schemas } = await askHub<{ readonly schemas: readonly { readonly entity: string }[] }>("/v1/schemas?limit=1000", { signal });
    return [...new Set(schemas.map(({ entity }) => entity))];
  },
});
