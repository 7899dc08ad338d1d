/** Lists that the hub answers page by page. */

import { infiniteQueryOptions } from "@tanstack/react-query";
import { askHub } from "./session";
import type { Next } from "./shapes";

/** How many loaded pages are asked again by themselves: all of them are, one after the other. */
export const PAGES_LIVE_MAX = 4;

interface Asked {
  /** How many rows a page has. */
  readonly limit: number;
  /** What narrows the list; what is not there narrows nothing. */
  readonly narrowed?: Readonly<Record<string, string | undefined>>;
  /** The name of what continues the list. */
  readonly from?: "cursor" | "before";
  /** How often it is asked again, in milliseconds. */
  readonly everyMs?: number;
}

/** Returns how a list is asked for, which goes on where the page before it said. */
export function paged<P extends Next>(key: readonly unknown[], path: string, { limit, narrowed = {}, from = "cursor", everyMs }: Asked) {
  const asked = Object.entries(narrowed).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const isLive = (pages: readonly unknown[] | undefined): boolean => (pages?.length ?? 0) <= PAGES_LIVE_MAX;
  return infiniteQueryOptions({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams([...asked, ["limit", String(limit)], ...(pageParam === "" ? [] : [[from, pageParam]])] as [string, string][]);
      return askHub<P>(`${path}?${query}`, { signal });
    },
    initialPageParam: "",
    getNextPageParam: ({ next }: Next) => (next === undefined ? undefined : String(next)),
    refetchInterval: ({ state }) => everyMs !== undefined && isLive(state.data?.pages) && everyMs,
    refetchOnWindowFocus: ({ state }) => isLive(state.data?.pages),
  });
}
