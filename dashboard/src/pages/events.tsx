/** The catalogue of events: which types there are, and what each says. */

import { infiniteQueryOptions, queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { askHub } from "../hub/session";
import type { EventType, Next } from "../hub/shapes";
import { Badge } from "../parts/badge";
import { Empty, Loaded, Page } from "../parts/page";
import { Problem } from "../parts/problem";
import { useRows } from "../parts/rows";
import { Value } from "../parts/value";
import { Moment } from "../parts/when";
import { TEXTS } from "../texts";

const T = TEXTS.events;
/** How many types a page has. */
const PAGE = 100;

const typesQuery = infiniteQueryOptions({
  queryKey: ["event-types"],
  queryFn: ({ pageParam, signal }) => askHub<{ readonly eventTypes: readonly EventType[] } & Next>(`/v1/event-types?limit=${PAGE}${pageParam === "" ? "" : `&cursor=${encodeURIComponent(pageParam)}`}`, { signal }),
  initialPageParam: "",
  getNextPageParam: ({ next }) => (next === undefined ? undefined : String(next)),
});

const strictQuery = queryOptions({ queryKey: ["event-types", "strict"], queryFn: ({ signal }) => askHub<{ readonly strict: boolean }>("/v1/catalogue", { signal }) });

export function EventTypes(): ReactElement {
  const query = useInfiniteQuery(typesQuery);
  const strict = useQuery(strictQuery);
  const [open, setOpen] = useState<string>();
  const rows = useRows<HTMLTableSectionElement>();
  const types = query.data?.pages.flatMap(({ eventTypes }) => eventTypes) ?? [];
  return (
    <Page title={T.title} about={T.about}>
      {strict.data === undefined ? null : <p className="quiet">{strict.data.strict ? T.strict : T.lenient}</p>}
      {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isSuccess && types.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : null}
      {types.length > 0 ? (
        <table className="list">
          <thead>
            <tr>
              <th scope="col">{T.type}</th>
              <th scope="col">{T.origin}</th>
              <th scope="col">{T.description}</th>
              <th scope="col">{T.version}</th>
            </tr>
          </thead>
          <tbody ref={rows}>
            {types.map((type) => (
              <Row key={type.type} type={type} isOpen={open === type.type} toggle={() => setOpen(open === type.type ? undefined : type.type)} />
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

function Row({ type, isOpen, toggle }: { readonly type: EventType; readonly isOpen: boolean; readonly toggle: () => void }): ReactElement {
  const details = `type-${type.type}`;
  return (
    <>
      <tr>
        <td data-label={T.type}>
          <button type="button" className="plain" data-row aria-expanded={isOpen} aria-controls={isOpen ? details : undefined} onClick={toggle}>
            {type.type}
          </button>{" "}
          {type.retired ? <Badge tone="quiet">{T.retired}</Badge> : null}
        </td>
        <td data-label={T.origin}>{T.origins[type.origin]}</td>
        <td data-label={T.description}>{type.description}</td>
        <td data-label={T.version} className="number">
          {type.version}
        </td>
      </tr>
      {isOpen ? (
        <tr id={details}>
          <td colSpan={4}>
            <Details type={type.type} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

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
