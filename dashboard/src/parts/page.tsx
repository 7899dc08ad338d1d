/** A page: its heading, which takes the focus when one comes to it, and what stands below. */

import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useRef } from "react";
import { TEXTS } from "../texts/texts";
import { Problem } from "./problem";
import { useRows } from "./rows";

export function Page({ title, actions, about, children }: { readonly title: string; readonly actions?: ReactNode; readonly about?: ReactNode; readonly children?: ReactNode }): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Syncline`;
  }, [title]);
  useRows();
  // Those who do not see the page are told where they are.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <>
      <header className="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions === undefined ? null : <div className="actions">{actions}</div>}
      </header>
      {about === undefined ? null : <p className="about">{about}</p>}
      {children}
    </>
  );
}

/** What a query has brought, or that it is under way, or why it failed. What was there before stays while it is asked again. */
export function Loaded<T>({ query, children }: { readonly query: UseQueryResult<T>; readonly children: (data: T) => ReactNode }): ReactElement {
  if (query.data !== undefined)
    return (
      <>
        {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
        {children(query.data)}
      </>
    );
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  return (
    <p className="loading" role="status">
      {TEXTS.loading}
    </p>
  );
}

/** As `Loaded`, for what is a whole page: where it cannot be had there is a page of this title that says why. */
export function LoadedPage<T>({ title, actions, query, children }: { readonly title: string; readonly actions: ReactNode; readonly query: UseQueryResult<T>; readonly children: (data: T) => ReactNode }): ReactElement {
  const loaded = <Loaded query={query}>{children}</Loaded>;
  if (query.data !== undefined || !query.isError) return loaded;
  return (
    <Page title={title} actions={actions}>
      {loaded}
    </Page>
  );
}

/** Says that there is nothing, and what to do about it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }): ReactElement {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children === undefined ? null : <div>{children}</div>}
    </div>
  );
}
