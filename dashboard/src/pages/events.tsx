/** The catalogue of events: which types there are, and what each says. */

import { queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { paged } from "../hub/paged";
import { askHub } from "../hub/session";
import type { EventType, Next } from "../hub/shapes";
import { Badge } from "../parts/badge";
import { Empty, Loaded, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { type Column, Table } from "../parts/table";
import { Value } from "../parts/value";
import { Moment } from "../parts/when";
import { EVENTS as T } from "../texts/events";

const typesQuery = paged<{ readonly eventTypes: readonly EventType[] } & Next>(["event-types"], "/v1/event-types", { limit: 100 });
const strictQuery = queryOptions({ queryKey: ["event-types", "strict"], queryFn: ({ signal }) => askHub<{ readonly strict: boolean }>("/v1/catalogue", { signal }) });

export function EventTypes(): ReactElement {
  const strict = useQuery(strictQuery);
  const [open, setOpen] = useState<string>();
  const columns: readonly Column<EventType>[] = [
    {
      name: T.type,
      cell: ({ type, retired }) => (
        <>
          <button type="button" className="plain" data-row aria-expanded={open === type} aria-controls={open === type ? idOf(type) : undefined} onClick={() => setOpen(open === type ? undefined : type)}>
            {type}
          </button>{" "}
          {retired ? <Badge tone="quiet">{T.retired}</Badge> : null}
        </>
      ),
    },
    { name: T.origin, cell: ({ origin }) => T.origins[origin] },
    { name: T.description, cell: ({ description }) => description },
    { name: T.version, isNumber: true, cell: ({ version }) => version },
  ];
  return (
    <Page title={T.title} about={T.about}>
      {strict.data === undefined ? null : <p className="quiet">{strict.data.strict ? T.strict : T.lenient}</p>}
      <PagedList query={useInfiniteQuery(typesQuery)} of={({ eventTypes }) => eventTypes} empty={<Empty title={T.none}>{T.noneHelp}</Empty>}>
        {(types) => <Table rows={types} columns={columns} keyOf={({ type }) => type} below={({ type }) => (type === open ? { id: idOf(type), content: <Details type={type} /> } : undefined)} />}
      </PagedList>
    </Page>
  );
}

const idOf = (type: string): string => `type-${type}`;

function Details({ type }: { readonly type: string }): ReactElement {
  const query = useQuery({ queryKey: ["event-types", "one", type], queryFn: ({ signal }) => askHub<EventType>(`/v1/event-types/${encodeURIComponent(type)}`, { signal }) });
  return (
    <Loaded query={query}>
      {({ schema, examples = [], versions = [] }) => (
        <>
          <h2>{T.schema}</h2>
          <Value value={schema} />
          {examples.length === 0 ? null : <h2>{T.examples}</h2>}
          {examples.map((example, at) => (
            <Value key={at} value={example} />
          ))}
          {versions.length === 0 ? null : <h2>{T.versions}</h2>}
          <ul>
            {versions.map(({ version, by, at }) => (
              <li key={version}>
                {version}: {by} <Moment at={at} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Loaded>
  );
}
