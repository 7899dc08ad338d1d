/** Synchronisations with folders, and what came of each. */

import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { paged } from "../hub/paged";
import type { Next, Run } from "../hub/shapes";
import { Badge, type Tone } from "../parts/badge";
import { Empty, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { type Column, Table } from "../parts/table";
import { Value } from "../parts/value";
import { Moment } from "../parts/when";
import { RUNS as T } from "../texts/runs";

const STATUSES: Readonly<Record<string, string>> = T.statuses;
const TONES: Readonly<Record<string, Tone>> = { success: "good", conflicts: "warn", partial: "warn", failed: "bad", rolled_back: "bad" };
/** How often the list is asked again, in milliseconds. */
const EVERY_MS = 15_000;

const runsQuery = paged<{ readonly runs: readonly Run[] } & Next>(["runs"], "/v1/runs", { limit: 50, everyMs: EVERY_MS });

const COLUMNS: readonly Column<Run>[] = [
  {
    name: T.when,
    cell: ({ timestamp, syncId }) => (
      <>
        {timestamp === undefined ? null : <Moment at={timestamp} />} <span className="quiet">{syncId}</span>
      </>
    ),
  },
  { name: T.what, cell: ({ source, target, direction }) => `${source} ${direction === "bidirectional" ? "↔" : "→"} ${target}` },
  { name: T.status, cell: ({ status }) => (status === undefined ? null : <Badge tone={TONES[status] ?? "quiet"}>{STATUSES[status] ?? status}</Badge>) },
  {
    name: T.summary,
    cell: ({ summary }) =>
      summary === undefined ? null : (
        <details>
          <summary>{T.summary}</summary>
          <Value value={summary} />
        </details>
      ),
  },
];

export function Runs(): ReactElement {
  return (
    <Page title={T.title} about={T.about}>
      <PagedList query={useInfiniteQuery(runsQuery)} of={({ runs }) => runs} empty={<Empty title={T.none}>{T.noneHelp}</Empty>}>
        {(runs) => <Table rows={runs} columns={COLUMNS} keyOf={({ runId, syncId }) => runId ?? syncId ?? ""} areRowsStops />}
      </PagedList>
    </Page>
  );
}
