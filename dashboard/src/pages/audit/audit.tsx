/** The audit: what was done by whom, whether all of it is intact, and proofs of single changes. */

import { queryOptions, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useRef, useState } from "react";
import { useKeys } from "../../frame/keys";
import { paged } from "../../hub/paged";
import { askHub } from "../../hub/session";
import type { AuditEntry, Next } from "../../hub/shapes";
import { Empty, Page } from "../../parts/page";
import { PagedList } from "../../parts/paged";
import { Problem } from "../../parts/problem";
import { type Column, Table } from "../../parts/table";
import { Value } from "../../parts/value";
import { Moment } from "../../parts/when";
import { AUDIT as T } from "../../texts/audit";
import { RECORDS } from "../../texts/records";
import { TEXTS } from "../../texts/texts";
import { Proof } from "./proof";

const route = getRouteApi("/audit");
const FILTERS = ["category", "action", "user", "from", "to"] as const;
type Search = Partial<Record<(typeof FILTERS)[number], string>>;

const auditQuery = (search: Search) => {
  const times = Object.fromEntries((["from", "to"] as const).flatMap((name) => (search[name] === undefined ? [] : [[name, new Date(search[name]).toISOString()]])));
  return paged<{ readonly entries: readonly AuditEntry[] } & Next>(["audit", search], "/v1/audit", { limit: 50, narrowed: { order: "latest", ...search, ...times } });
};

const headQuery = queryOptions({ queryKey: ["audit", "head"], queryFn: ({ signal }) => askHub<{ readonly entries: number; readonly head: string }>("/v1/audit/head", { signal }) });

export function Audit(): ReactElement {
  const search = route.useSearch();
  const query = useInfiniteQuery(auditQuery(search));
  return (
    <Page title={T.title} about={T.about}>
      <Head />
      <ProveOne />
      <section aria-label={T.filters}>
        <Filters search={search} />
        <PagedList query={query} of={({ entries }) => entries} empty={<Empty title={T.none}>{T.noneHelp}</Empty>}>
          {(entries) => <Table rows={entries} columns={COLUMNS} keyOf={({ index }) => index} areRowsStops />}
        </PagedList>
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
        <p role="status" className="notice good">
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
          {RECORDS.entity}
          <input name="entity" required spellCheck={false} />
        </label>
        <label>
          {RECORDS.id}
          <input name="id" required spellCheck={false} />
        </label>
        <button type="submit">{RECORDS.open}</button>
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
          {name === "from" || name === "to" ? TEXTS.zone(T[name]) : T[name]}
          <input ref={at === 0 ? first : undefined} name={name} type={name === "from" || name === "to" ? "datetime-local" : "text"} defaultValue={search[name] ?? ""} spellCheck={false} />
        </label>
      ))}
      <button type="submit">{TEXTS.show}</button>
    </form>
  );
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  {
    name: T.at,
    cell: ({ at, index }) => (
      <>
        <Moment at={at} /> <span className="quiet number">#{index}</span>
      </>
    ),
  },
  {
    name: T.action,
    cell: ({ action, category }) => (
      <>
        {action} <span className="quiet">{category}</span>
      </>
    ),
  },
  { name: T.user, cell: ({ user }) => user },
  { name: T.origin, cell: ({ origin }) => origin },
  { name: T.records, isNumber: true, cell: ({ records }) => records },
  {
    name: T.details,
    isUnseen: true,
    cell: ({ details }) =>
      details === null ? null : (
        <details>
          <summary>{T.details}</summary>
          <Value value={details} />
        </details>
      ),
  },
];
