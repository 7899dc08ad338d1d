/** Synchronisations with folders, and what came of each. */

import { infiniteQueryOptions, useInfiniteQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { askHub } from "../hub/session";
import type { Next, Run } from "../hub/shapes";
import { Badge, type Tone } from "../parts/badge";
import { Empty, Page } from "../parts/page";
import { Problem } from "../parts/problem";
import { useRows } from "../parts/rows";
import { Value } from "../parts/value";
import { Moment } from "../parts/when";
import { TEXTS } from "../texts";

const T = TEXTS.runs;
/** How many runs a page has. */
const PAGE = 50;
const TONES: Readonly<Record<string, Tone>> = { success: "good", conflicts: "warn", partial: "warn", failed: "bad", rolled_back: "bad" };

const runsQuery = infiniteQueryOptions({
  queryKey: ["runs"],
  queryFn: ({ pageParam, signal }) => askHub<{ readonly runs: readonly Run[] } & Next>(`/v1/runs?limit=${PAGE}${pageParam === "" ? "" : `&cursor=${encodeURIComponent(pageParam)}`}`, { signal }),
  initialPageParam: "",
  getNextPageParam: ({ next }) => (next === undefined ? undefined : String(next)),
});

export function Runs(): ReactElement {
  const query = useInfiniteQuery(runsQuery);
  const rows = useRows<HTMLTableSectionElement>();
  const runs = query.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <Page title={T.title} about={T.about}>
      {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isSuccess && runs.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : null}
      {runs.length > 0 ? (
        <table className="list">
          <thead>
            <tr>
              <th scope="col">{T.when}</th>
              <th scope="col">{T.what}</th>
              <th scope="col">{T.status}</th>
              <th scope="col">{T.summary}</th>
            </tr>
          </thead>
          <tbody ref={rows}>
            {runs.map((run, at) => (
              <Row key={run.runId ?? at} run={run} />
            ))}
          </tbody>
        </table>
      ) : null}
      {query.hasNextPage ? (
        <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          {TEXTS.more}
        </button>
      ) : null}
    </Page>
  );
}

function Row({ run }: { readonly run: Run }): ReactElement {
  const { timestamp, source, target, direction, status, summary, syncId } = run;
  return (
    <tr data-row tabIndex={-1}>
      <td data-label={T.when}>
        {timestamp === undefined ? null : <Moment at={timestamp} />} <span className="quiet">{syncId}</span>
      </td>
      <td data-label={T.what}>
        {source} {direction === "bidirectional" ? "↔" : "→"} {target}
      </td>
      <td data-label={T.status}>{status === undefined ? null : <Badge tone={TONES[status] ?? "quiet"}>{status}</Badge>}</td>
      <td data-label={T.summary}>
        {summary === undefined ? null : (
          <details>
            <summary>{T.summary}</summary>
            <Value value={summary} />
          </details>
        )}
      </td>
    </tr>
  );
}
