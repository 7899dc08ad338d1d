/** The latest figures: only what is new is asked for, and joined to what is here. */

import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { askHub } from "../../hub/session";
import type { Overview } from "../../hub/shapes";

/** Between two questions, in milliseconds: the hub has a new sample that often. */
const EVERY_MS = 5_000;
/** Most samples that are kept here: ten minutes, as many as the hub keeps. */
const SAMPLES_MAX = 120;
const KEY = ["overview"];

/** Joins what came to what is here. A hub that was started again counts from the beginning, so what it has counts alone. */
export function joined(before: Overview | undefined, latest: Overview): Overview {
  const last = before?.samples.at(-1)?.n;
  const first = latest.samples[0]?.n;
  if (before === undefined || last === undefined || (first !== undefined && first !== last + 1)) return latest;
  return { ...latest, samples: [...before.samples, ...latest.samples].slice(-SAMPLES_MAX) };
}

export function useOverview(): UseQueryResult<Overview> {
  const queries = useQueryClient();
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => {
      const before = queries.getQueryData<Overview>(KEY);
      const since = before?.samples.at(-1)?.n;
      const latest = await askHub<Overview>(`/v1/overview${since === undefined ? "" : `?since=${since}`}`, { signal });
      return joined(before, latest);
    },
    refetchInterval: EVERY_MS,
  });
}
