/** The audit: what was done by whom, whether all of it is intact, and proofs of single changes. */

import { infiniteQueryOptions, queryOptions, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useRef, useState } from "react";
import { useKeys } from "../../frame/keys";
import { askHub } from "../../hub/session";
import type { AuditEntry, Next } from "../../hub/shapes";
import { Empty, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { useRows } from "../../parts/rows";
import { Value } from "../../parts/value";
import { Moment } from "../../parts/when";
import { TEXTS } from "../../texts";
import { Proof } from "./proof";

const route = getRouteApi("/audit");
const T = TEXTS.audit;
/** How many entries a page has. */
const PAGE = 50;
const FILTERS = ["category", "action", "user", "from", "to"] as const;
type Search = Partial<Record<(typeof FILTERS)[number], string>>;

const auditQuery = (search: Search) =>
  infiniteQueryOptions({
    queryKey: ["audit", search],
    queryFn: ({ pageParam, signal }) => {
      const times = Object.fromEntries((["from", "to"] as const).flatMap((name) => (search[name] === undefined ? [] : [[name, new Date(search[name]).toISOString()]])));
      const query = new URLSearchParams({ order: "latest", limit: String(PAGE), ...search, ...times, ...(pageParam !== "" && { cursor: pageParam }) });
      return askHub<{ readonly entries: readonly AuditEntry[] } & Next>(`/v1/audit?${query}`, { signal });
    },
    initialPageParam: "",
    getNextPageParam: ({ next }) => (next === undefined ? undefined : String(next)),
  });

const headQuery = queryOptions({ queryKey: ["audit", "head"], queryFn: ({ signal }) => askHub<{ readonly entries: number; readonly head: string }>("/v1/audit/head", { signal }) });

export function Audit(): ReactElement {
  const search = route.useSearch();
  const query = useInfiniteQuery(auditQuery(search));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <Page title={T.title} about={T.about}>
      <Head />
      <ProveOne />
      <section aria-label={T.filters}>
        <Filters search={search} />
        {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
        {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
        {query.isSuccess && entries.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : null}
        {entries.length > 0 ? <Table entries={entries} /> : null}
        {query.hasNextPage ? (
          <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            {TEXTS.more}
          </button>
        ) : null}
      </section>
    </Page>
  );
}

function Head(): ReactElement {
  const head = useQuery(headQuery);
  const verifying = useMutation({ mutationFn: () => askHub<{ readonly intact: true; readonly entries: number }>("/v1/audit/verify") });
  return (
    <div className="card">
      <p>
        {T.head}: <code>{head.data?.head ?? TEXTS.loading}</code> {head.data === undefined ? null : <span className="quiet">{T.entries(head.data.entries)}</span>}
      </p>
      <p className="quiet">{T.headAbout}</p>
      {head.isError ? <Problem error={head.error} /> : null}
      <button type="button" disabled={verifying.isPending} onClick={() => verifying.mutate()}>
        {T.verify}
      </button>
      {verifying.data === undefined ? null : (
        <p role="status" className="notice">
          {T.intact(verifying.data.entries)}
        </p>
      )}
      {verifying.isError ? <Problem error={verifying.error} /> : null}
    </div>
  );
}

function ProveOne(): ReactElement {
  const [of, setOf] = useState<{ readonly entity: string; readonly id: string }>();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setOf({ entity: String(form.get("entity")).trim(), id: String(form.get("id")).trim() });
  };
  return (
    <details className="card">
      <summary>{T.proofTitle}</summary>
      <form className="filters" onSubmit={submit}>
        <label>
          {TEXTS.records.entity}
          <input name="entity" required spellCheck={false} />
        </label>
        <label>
          {TEXTS.records.id}
          <input name="id" required spellCheck={false} />
        </label>
        <button type="submit">{TEXTS.records.open}</button>
      </form>
      {of === undefined ? null : <Proof key={`${of.entity} ${of.id}`} entity={of.entity} id={of.id} />}
    </details>
  );
}

function Filters({ search }: { readonly search: Search }): ReactElement {
  const navigate = route.useNavigate();
  const first = useRef<HTMLInputElement>(null);
  useKeys([{ key: "/", says: TEXTS.keys.filter, does: () => first.current?.focus() }]);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const found = FILTERS.map((name) => [name, String(form.get(name) ?? "").trim()] as const);
    void navigate({ search: Object.fromEntries(found.filter(([, value]) => value !== "")), replace: true });
  };
  return (
    <form className="filters" onSubmit={submit}>
      {FILTERS.map((name, at) => (
        <label key={name}>
          {T[name]}
          <input ref={at === 0 ? first : undefined} name={name} type={name === "from" || name === "to" ? "datetime-local" : "text"} defaultValue={search[name] ?? ""} spellCheck={false} />
        </label>
      ))}
      <button type="submit">{TEXTS.records.open}</button>
    </form>
  );
}

function Table({ entries }: { readonly entries: readonly AuditEntry[] }): ReactElement {
  const rows = useRows<HTMLTableSectionElement>();
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">{T.at}</th>
          <th scope="col">{T.action}</th>
          <th scope="col">{T.user}</th>
          <th scope="col">{T.origin}</th>
          <th scope="col">{T.records}</th>
          <th scope="col">{T.details}</th>
        </tr>
      </thead>
      <tbody ref={rows}>
        {entries.map(({ index, at, category, action, origin, user, records, details }) => (
          <tr key={index} data-row tabIndex={-1}>
            <td data-label={T.at}>
              <Moment at={at} /> <span className="quiet number">#{index}</span>
            </td>
            <td data-label={T.action}>
              {action} <span className="quiet">{category}</span>
            </td>
            <td data-label={T.user}>{user}</td>
            <td data-label={T.origin}>{origin}</td>
            <td data-label={T.records} className="number">
              {records}
            </td>
            <td data-label={T.details}>
              {details === null ? null : (
                <details>
                  <summary>{T.details}</summary>
                  <Value value={details} />
                </details>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
