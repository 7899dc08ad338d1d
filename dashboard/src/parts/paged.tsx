/** A list that comes page by page: what is there, that it is under way, that there is nothing, why it failed, and more of it. */

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useRef } from "react";
import { PAGES_LIVE_MAX } from "../hub/paged";
import { TEXTS } from "../texts/texts";
import { Problem } from "./problem";

interface Facts<P, R> {
  readonly query: UseInfiniteQueryResult<InfiniteData<P>>;
  /** The rows of a page that are shown. */
  readonly of: (page: P) => readonly R[];
  /** What stands there instead of no rows. */
  readonly empty: ReactNode;
  /** What loads the next page is called. */
  readonly more?: string;
  readonly children: (rows: readonly R[]) => ReactNode;
}

export function PagedList<P, R>({ query, of, empty, more = TEXTS.more, children }: Facts<P, R>): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  // Who has loaded more goes on where it begins.
  const goesOnAt = useRef<number>(undefined);
  const pages = query.data?.pages ?? [];
  const rows = pages.flatMap(of);
  const shown = (): readonly HTMLElement[] => [...(place.current?.querySelectorAll<HTMLElement>("[data-row]:not(.more)") ?? [])];
  useEffect(() => {
    const at = goesOnAt.current;
    const row = at === undefined ? undefined : shown()[at];
    if (row === undefined) return;
    goesOnAt.current = undefined;
    row.focus();
  }, [rows.length]);
  const goOn = (): void => {
    goesOnAt.current = shown().length;
    void query.fetchNextPage();
  };
  return (
    <div ref={place}>
      {query.isPending ? (
        <p className="loading" role="status">
          {TEXTS.loading}
        </p>
      ) : null}
      {query.isError && !query.isFetchNextPageError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isSuccess && rows.length === 0 ? query.hasNextPage ? <p className="quiet">{TEXTS.list.noneYet}</p> : empty : null}
      {rows.length > 0 ? children(rows) : null}
      {query.isFetchNextPageError ? <Problem error={query.error} retry={goOn} /> : null}
      <div className="actions">
        {query.hasNextPage && !query.isFetchNextPageError ? (
          <button type="button" className="more" data-row onClick={goOn} disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? TEXTS.loading : more}
          </button>
        ) : null}
        {pages.length > PAGES_LIVE_MAX ? (
          <>
            <button type="button" onClick={() => void query.refetch()} disabled={query.isFetching}>
              {TEXTS.list.again}
            </button>
            <span className="quiet">{TEXTS.list.notLive(rows.length)}</span>
          </>
        ) : null}
      </div>
    </div>
  );
}
