/** What the conflict desk asks of the hub. */

import { queryOptions } from "@tanstack/react-query";
import { newKey } from "../../hub/ask";
import { paged } from "../../hub/paged";
import { askHub } from "../../hub/session";
import type { Change, Choice, Conflict, Next, Offer, PastChange } from "../../hub/shapes";

/** How many conflicts a page has. */
const PAGE = 100;
/** Most conflicts that the hub decides at once. */
export const TOGETHER_MAX = 100;
/** How many changes of the record stand below a conflict. */
const HISTORY = 20;
/** How often the list is asked again, in milliseconds: others decide meanwhile. */
const LIST_EVERY_MS = 15_000;

export const conflictsQuery = (status: string, entity: string | undefined) =>
  paged<{ readonly conflicts: readonly Conflict[] } & Next>(["conflicts", "list", status, entity ?? ""], "/v1/conflicts", { limit: PAGE, narrowed: { status, entity }, everyMs: LIST_EVERY_MS });

const of = (id: string): string => `/v1/conflicts/${encodeURIComponent(id)}`;

export const conflictQuery = (id: string) => queryOptions({ queryKey: ["conflicts", "one", id], queryFn: ({ signal }) => askHub<Conflict>(of(id), { signal }) });

export const offersQuery = (id: string, isOpen: boolean) =>
  queryOptions({ queryKey: ["conflicts", "offers", id], queryFn: ({ signal }) => askHub<{ readonly offers: readonly Offer[] }>(`${of(id)}/preview`, { signal }), enabled: isOpen });

export const similarQuery = (id: string, isOpen: boolean) =>
  queryOptions({
    queryKey: ["conflicts", "similar", id],
    queryFn: async ({ signal }) => {
      const { conflicts } = await askHub<{ readonly conflicts: readonly Conflict[] }>(`${of(id)}/similar`, { signal });
      return conflicts.filter(({ conflict }) => conflict !== id).slice(0, TOGETHER_MAX - 1);
    },
    enabled: isOpen,
  });

const recordPath = (entity: string, id: string): string => `/v1/entities/${encodeURIComponent(entity)}/records/${encodeURIComponent(id)}`;

export const recordQuery = (entity: string, id: string) => queryOptions({ queryKey: ["records", entity, id], queryFn: ({ signal }) => askHub<Change>(recordPath(entity, id), { signal }) });

export const historyQuery = (entity: string, id: string) =>
  queryOptions({
    queryKey: ["records", entity, id, "history", "latest"],
    queryFn: ({ signal }) => askHub<{ readonly changes: readonly PastChange[] } & Next>(`${recordPath(entity, id)}/history?limit=${HISTORY}`, { signal }),
  });

/** Asks what the record would be. */
export const foresee = (id: string, choice: Choice): Promise<Offer> => askHub<Offer>(`${of(id)}/preview`, { method: "POST", body: choice });

/** Decides. */
export const resolve = (id: string, choice: Choice): Promise<Conflict> => askHub<Conflict>(`${of(id)}/resolve`, { method: "POST", body: choice, headers: { "Idempotency-Key": newKey() } });

/** Puts aside. */
export const skip = (id: string): Promise<Conflict> => askHub<Conflict>(`${of(id)}/skip`, { method: "POST" });

/** Decides several alike, those and no others: all or none. */
export const resolveTogether = (conflicts: readonly string[], choice: Choice): Promise<unknown> =>
  askHub("/v1/conflicts/resolve", { method: "POST", body: { conflicts, choice }, headers: { "Idempotency-Key": newKey() } });
