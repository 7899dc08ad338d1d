/** What the pages of endpoints ask of the hub. */

import { queryOptions } from "@tanstack/react-query";
import { paged } from "../../hub/paged";
import { askHub } from "../../hub/session";
import type { Delivery, DeliveryState, Endpoint, Json, Next, Replay, ReplayCount, Tested } from "../../hub/shapes";

/** How often it is asked again how endpoints do, in milliseconds. */
const EVERY_MS = 5_000;
/** How many of the latest deliveries say how well an endpoint does. */
export const SUCCESS_OF = 100;
/** How many deliveries a page has. */
const PAGE = 50;

/** Under which all of it is kept. */
export const KEY = ["endpoints"];
const of = (id: string): string => `/v1/endpoints/${encodeURIComponent(id)}`;
type Deliveries = {
  readonly deliveries: readonly Delivery[];
  /** The places of those among them that the hub cannot read. */
  readonly damaged?: readonly number[];
} & Next;

/** How many endpoints are asked for at once: as many as the hub answers. */
const LISTED = "1000";

/** Returns all of them, page by page: what is looked for is looked for in all. */
async function allEndpoints(signal: AbortSignal): Promise<readonly Endpoint[]> {
  const all: Endpoint[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: LISTED, ...(cursor === undefined ? {} : { cursor }) });
    const { endpoints, next } = await askHub<{ readonly endpoints: readonly Endpoint[] } & Next>(`/v1/endpoints?${query}`, { signal });
    all.push(...endpoints);
    cursor = next === undefined ? undefined : String(next);
  } while (cursor !== undefined);
  return all;
}

export const endpointsQuery = queryOptions({
  queryKey: ["endpoints", "list"],
  queryFn: ({ signal }) => allEndpoints(signal),
  refetchInterval: EVERY_MS,
});

export const endpointQuery = (id: string) => queryOptions({ queryKey: ["endpoints", "one", id], queryFn: ({ signal }) => askHub<Endpoint>(of(id), { signal }), refetchInterval: EVERY_MS });

/** The latest deliveries, to say how many of them came. */
export const latestQuery = (id: string) =>
  queryOptions({
    queryKey: ["endpoints", "one", id, "latest"],
    queryFn: async ({ signal }) => (await askHub<Deliveries>(`${of(id)}/deliveries?limit=${SUCCESS_OF}`, { signal })).deliveries,
    staleTime: 4 * EVERY_MS,
  });

/** Which deliveries are looked for. */
export interface Sought {
  readonly state?: DeliveryState;
  /** When the hub took the event, as a form of this device says it. */
  readonly from?: string;
  readonly to?: string;
}

export const deliveriesQuery = (id: string, { state, from, to }: Sought) => {
  const time = (text: string | undefined): string | undefined => (text === undefined ? undefined : new Date(text).toISOString());
  return paged<Deliveries>(["endpoints", "one", id, "deliveries", { state, from, to }], `${of(id)}/deliveries`, {
    limit: PAGE,
    narrowed: { state, from: time(from), to: time(to) },
    from: "before",
    everyMs: EVERY_MS,
  });
};

/** One delivery, with how it would be sent now. */
export const deliveryQuery = (id: string, sequence: string) =>
  queryOptions({ queryKey: ["endpoints", "one", id, "delivery", sequence], queryFn: ({ signal }) => askHub<Delivery>(`${of(id)}/deliveries/${encodeURIComponent(sequence)}`, { signal }), refetchInterval: EVERY_MS });

/** What is sent of a delivery, with its body. */
export const requestQuery = (id: string, sequence: number) =>
  queryOptions({
    queryKey: ["endpoints", "one", id, "request", sequence],
    queryFn: async ({ signal }) => (await askHub<Delivery>(`${of(id)}/deliveries/${sequence}?body=true`, { signal })).request ?? null,
    // Values of a record: not kept once nobody looks at them.
    gcTime: 0,
  });

export const dataQuery = (id: string, sequence: number) =>
  queryOptions({
    queryKey: ["endpoints", "one", id, "data", sequence],
    queryFn: ({ signal }) => askHub<{ readonly data: Json }>(`${of(id)}/deliveries/${sequence}/data`, { signal }),
    // Values of a record: not kept once nobody looks at them.
    gcTime: 0,
  });

/** Makes one; sent again under the same key it is made once. */
export const make = (body: unknown, key: string): Promise<Endpoint> => askHub<Endpoint>("/v1/endpoints", { method: "POST", body, headers: { "Idempotency-Key": key } });
export const change = (id: string, body: unknown): Promise<Endpoint> => askHub<Endpoint>(of(id), { method: "PATCH", body });
export const remove = (id: string): Promise<unknown> => askHub(of(id), { method: "DELETE" });
export const disable = (id: string): Promise<Endpoint> => askHub<Endpoint>(`${of(id)}/disable`, { method: "POST" });
export const test = (id: string): Promise<Tested> => askHub<Tested>(`${of(id)}/test`, { method: "POST" });
export const enable = (id: string, backlog: "deliver" | "skip"): Promise<Endpoint> => askHub<Endpoint>(`${of(id)}/enable`, { method: "POST", body: { backlog } });
export const rotate = (id: string, overlapMs: number): Promise<{ readonly secret: string; readonly formerEndsAt: string }> => askHub(`${of(id)}/rotate`, { method: "POST", body: { overlapMs } });
/** What an endpoint is sent is settled by; empty is none. */
export interface Expressions {
  readonly filter: string;
  readonly transformation: string;
}

/** An expression that lets everything through as it is: left out, the ones that are settled would be tried. */
const ALL = "true";
const AS_IT_IS = "event.data";

/** Asks whether an event would be sent, and what is made of it; nothing is sent. */
export const tryExpressions = (id: string, sequence: number, { filter, transformation }: Expressions): Promise<{ readonly chosen: boolean; readonly data?: Json }> =>
  askHub(`${of(id)}/transform-preview`, { method: "POST", body: { sequence, filter: filter === "" ? ALL : filter, transformation: transformation === "" ? AS_IT_IS : transformation } });
export const retry = (id: string, sequence: number): Promise<unknown> => askHub(`${of(id)}/deliveries/${sequence}/retry`, { method: "POST" });

/** Which deliveries are sent again. */
export interface Selection {
  readonly endpoints: readonly string[];
  readonly status: readonly string[];
  readonly types?: readonly string[];
  readonly from?: string;
  readonly to?: string;
}

export const countReplay = (selection: Selection): Promise<ReplayCount> => askHub<ReplayCount>("/v1/replays", { method: "POST", body: { ...selection, dryRun: true } });
export const beginReplay = (selection: Selection): Promise<Replay> => askHub<Replay>("/v1/replays", { method: "POST", body: selection });
export const stopReplay = (id: string): Promise<unknown> => askHub(`/v1/replays/${encodeURIComponent(id)}`, { method: "DELETE" });

export const replaysQuery = (endpoint: string) =>
  queryOptions({
    queryKey: ["endpoints", "one", endpoint, "replays"],
    queryFn: async ({ signal }) => {
      const { replays } = await askHub<{ readonly replays: readonly Replay[] }>("/v1/replays", { signal });
      return replays.filter(({ endpoints }) => endpoints.some((one) => one.endpoint === endpoint));
    },
    refetchInterval: EVERY_MS,
  });
