/** What was given up: operations of clients. */

import { infiniteQueryOptions, useInfiniteQuery, type UseInfiniteQueryResult, type InfiniteData } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";
import { askHub } from "../hub/session";
import type { DeadLetter, Next } from "../hub/shapes";
import { Empty, Page } from "../parts/page";
import { Problem } from "../parts/problem";
import { useRows } from "../parts/rows";
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
  const list = useRows<HTMLDivElement>();
  return (
    <Page title={T.title}>
      <div ref={list}>
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
