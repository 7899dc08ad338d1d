/** What was given up: deliveries, and operations of clients. */

import { infiniteQueryOptions, useInfiniteQuery, type UseInfiniteQueryResult, type InfiniteData } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { askHub, useSession } from "../hub/session";
import type { DeadDelivery, DeadLetter, Next } from "../hub/shapes";
import { Empty, Page } from "../parts/page";
import { Problem } from "../parts/problem";
import { useRows } from "../parts/rows";
import { When } from "../parts/when";
import { TEXTS } from "../texts";

const T = TEXTS.dead;
/** How many a page has. */
const PAGE = 50;

const listQuery = <T,>(path: string) =>
  infiniteQueryOptions({
    queryKey: ["dead", path],
    queryFn: ({ pageParam, signal }) => askHub<T & Next>(`${path}?limit=${PAGE}${pageParam === "" ? "" : `&cursor=${encodeURIComponent(pageParam)}`}`, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ next }: Next) => (next === undefined ? undefined : String(next)),
  });

export function DeadLetters(): ReactElement {
  const state = useSession();
  const isAdmin = state.is === "in" && state.session.role === "admin";
  const list = useRows<HTMLDivElement>();
  return (
    <Page title={T.title}>
      <div ref={list}>
        {isAdmin ? <DeadDeliveries /> : null}
        <Operations />
      </div>
    </Page>
  );
}

interface ListFacts<P> {
  readonly name: string;
  readonly query: UseInfiniteQueryResult<InfiniteData<P & Next>>;
  readonly count: (page: P) => number;
  readonly empty: ReactNode;
  readonly children: (pages: readonly P[]) => ReactNode;
}

function List<P>({ name, query, count, empty, children }: ListFacts<P>): ReactElement {
  const pages = query.data?.pages ?? [];
  const all = pages.reduce((sum, page) => sum + count(page), 0);
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isSuccess && all === 0 ? empty : null}
      {all > 0 ? children(pages) : null}
      {query.hasNextPage ? (
        <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          {TEXTS.more}
        </button>
      ) : null}
    </section>
  );
}

function DeadDeliveries(): ReactElement {
  const query = useInfiniteQuery(listQuery<{ readonly dead: readonly DeadDelivery[] }>("/v1/deliveries/dead"));
  return (
    <List name={T.deliveries} query={query} count={({ dead }) => dead.length} empty={<Empty title={T.deliveriesNone}>{T.deliveriesNoneHelp}</Empty>}>
      {(pages) => (
        <table className="list">
          <thead>
            <tr>
              <th scope="col">{T.endpoint}</th>
              <th scope="col">{TEXTS.deliveries.event}</th>
              <th scope="col">{TEXTS.deliveries.record}</th>
              <th scope="col">{T.reason}</th>
              <th scope="col">{TEXTS.deliveries.tries}</th>
              <th scope="col">{T.at}</th>
            </tr>
          </thead>
          <tbody>
            {pages
              .flatMap(({ dead }) => dead)
              .map((one) => (
                <tr key={`${one.endpoint} ${one.sequence}`}>
                  <td data-label={T.endpoint}>
                    <Link to="/endpoints/$endpoint/deliveries" params={{ endpoint: one.endpoint }} data-row>
                      {one.endpoint}
                    </Link>{" "}
                    <Link to="/endpoints/$endpoint/replay" params={{ endpoint: one.endpoint }}>
                      {TEXTS.endpoints.replay}
                    </Link>
                  </td>
                  <td data-label={TEXTS.deliveries.event}>
                    {one.type} <span className="quiet number">#{one.sequence}</span>
                  </td>
                  <td data-label={TEXTS.deliveries.record}>
                    {one.resourceType} {one.resourceId}
                  </td>
                  <td data-label={T.reason}>{one.reason}</td>
                  <td data-label={TEXTS.deliveries.tries} className="number">
                    {one.tries}
                  </td>
                  <td data-label={T.at}>
                    <When at={one.at} />
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </List>
  );
}

function Operations(): ReactElement {
  const query = useInfiniteQuery(listQuery<{ readonly deadLetters: readonly DeadLetter[] }>("/v1/dead-letters"));
  return (
    <List name={T.operations} query={query} count={({ deadLetters }) => deadLetters.length} empty={<Empty title={T.operationsNone}>{T.operationsNoneHelp}</Empty>}>
      {(pages) => (
        <table className="list">
          <thead>
            <tr>
              <th scope="col">{T.client}</th>
              <th scope="col">{T.op}</th>
              <th scope="col">{T.entity}</th>
              <th scope="col">{T.code}</th>
            </tr>
          </thead>
          <tbody>
            {pages
              .flatMap(({ deadLetters }) => deadLetters)
              .map(({ client, op, entity, code }) => (
                <tr key={`${client} ${op}`} data-row tabIndex={-1}>
                  <td data-label={T.client}>{client}</td>
                  <td data-label={T.op} className="number">
                    {op}
                  </td>
                  <td data-label={T.entity}>{entity}</td>
                  <td data-label={T.code}>
                    <code>{code}</code>
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </List>
  );
}
