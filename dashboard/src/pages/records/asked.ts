/** What the page of records asks of the hub. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { askHub } from "../../hub/session";
import type { Change, Next, PastChange } from "../../hub/shapes";

/** How many records, and how many changes, a page has. */
const PAGE = 50;

const recordsPath = (entity: string): string => `/v1/entities/${encodeURIComponent(entity)}/records`;
const recordPath = (entity: string, id: string): string => `${recordsPath(entity)}/${encodeURIComponent(id)}`;

export const listQuery = (entity: string) =>
  infiniteQueryOptions({
    queryKey: ["records", entity],
    queryFn: ({ pageParam, signal }) =>
      askHub<{ readonly records: readonly Change[] } & Next>(`${recordsPath(entity)}?limit=${PAGE}${pageParam === "" ? "" : `&cursor=${encodeURIComponent(pageParam)}`}`, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ next }) => (next === undefined ? undefined : String(next)),
  });

/** A record as it is, or as it was at a time. */
export const recordQuery = (entity: string, id: string, at: string | undefined) =>
  queryOptions({ queryKey: ["records", entity, id, at ?? "now"], queryFn: ({ signal }) => askHub<Change>(`${recordPath(entity, id)}${at === undefined ? "" : `?at=${encodeURIComponent(at)}`}`, { signal }) });

export const historyQuery = (entity: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ["records", entity, id, "history"],
    queryFn: ({ pageParam, signal }) =>
      askHub<{ readonly changes: readonly PastChange[] } & Next>(`${recordPath(entity, id)}/history?limit=${PAGE}${pageParam === "" ? "" : `&before=${pageParam}`}`, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ next }) => (next === undefined ? undefined : String(next)),
  });

export const schemasQuery = queryOptions({
  queryKey: ["schemas"],
  queryFn: async ({ signal }) => {
    const { schemas } = await askHub<{ readonly schemas: readonly { readonly entity: string }[] }>("/v1/schemas?limit=1000", { signal });
    return [...new Set(schemas.map(({ entity }) => entity))];
  },
});
