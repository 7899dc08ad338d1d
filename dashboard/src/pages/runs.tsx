/** Synchronisations with folders, and what came of each. */

import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { paged } from "../hub/paged";
import type { Json, Next, Run } from "../hub/shapes";
import { Badge, type Tone } from "../parts/badge";
import { Empty, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { Advice } from "../parts/problem";
import { type Column, Table } from "../parts/table";
import { Moment } from "../parts/when";
import { RUNS as T } from "../texts/runs";

const STATUSES: Readonly<Record<string, string>> = T.statuses;
const ARROWS: Readonly<Record<string, string>> = { bidirectional: "↔", source_to_target: "→", target_to_source: "←", copy: "→" };
const TONES: Readonly<Record<string, Tone>> = { success: "good", conflicts: "warn", partial: "warn", failed: "bad", rolled_back: "bad" };
/** How often the list is asked again, in milliseconds. */
const EVERY_MS = 15_000;

const runsQuery = paged<{ readonly runs: readonly Run[] } & Next>(["runs"], "/v1/runs", { limit: 50, everyMs: EVERY_MS });

/** What came of each entity: how many were added, changed and deleted on either side, and what waits. */
function Numbers({ summary }: { readonly summary: NonNullable<Run["summary"]> }): ReactElement {
  const count = (value: Json | undefined): number => (typeof value === "number" ? value : typeof value === "object" && value !== null ? Object.values(value).reduce<number>((sum, one) => sum + count(one as Json), 0) : 0);
  return (
    <ul className="plain-list">
      {Object.entries(summary).map(([entity, numbers]) => (
        <li key={entity}>
          {entity}: {T.numbers(count(numbers["added"]), count(numbers["updated"]), count(numbers["deleted"]), count(numbers["open"]), count(numbers["failed"]))}
        </li>
      ))}
    </ul>
  );
}

const COLUMNS: readonly Column<Run>[] = [
  {
    name: T.when,
    cell: ({ timestamp, syncId }) => (
      <>
        {timestamp === undefined ? null : <Moment at={timestamp} />} <span className="quiet">{syncId}</span>
      </>
    ),
  },
  { name: T.what, cell: ({ source, target, direction }) => (source === undefined || target === undefined ? null : `${source} ${ARROWS[direction ?? ""] ?? "→"} ${target}`) },
  { name: T.status, cell: ({ status }) => (status === undefined ? null : <Badge tone={TONES[status] ?? "quiet"}>{STATUSES[status] ?? status}</Badge>) },
  { name: T.summary, cell: ({ summary = {} }) => <Numbers summary={summary} /> },
  {
    name: T.problems,
    cell: ({ errors = [], notices = [] }) =>
      [...errors, ...notices].map(({ code, domain, entity }, at) => (
        <div key={at}>
          <Advice code={code} /> <span className="quiet">{[domain, entity].filter((part) => part !== undefined).join(" / ")}</span>
        </div>
      )),
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
