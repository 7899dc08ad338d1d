/** The conflicts that wait, and which of them one wants to see. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useRef, useState } from "react";
import { useKeys } from "../../frame/keys";
import type { Conflict, Side } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Empty, Page } from "../../parts/page";
import { PagedList } from "../../parts/paged";
import { type Column, Table } from "../../parts/table";
import { InLine } from "../../parts/value";
import { When } from "../../parts/when";
import type { ConflictSearch } from "../../router";
import { CONFLICTS as T, DESK } from "../../texts/conflicts";
import { TEXTS } from "../../texts/texts";
import { conflictsQuery, TOGETHER_MAX } from "./asked";
import { Together } from "./together";
import { fieldOf, writersOf } from "./words";

const route = getRouteApi("/conflicts");

function matches(conflict: Conflict, { kind, writer, approval }: ConflictSearch): boolean {
  if (kind !== undefined && conflict.kind !== kind) return false;
  if (writer !== undefined && !writersOf(conflict).some((one) => one.includes(writer))) return false;
  return approval === undefined || conflict.approval !== undefined;
}

export function ConflictList(): ReactElement {
  const search = route.useSearch();
  const query = useInfiniteQuery(conflictsQuery(search.status ?? "waiting", search.entity));
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isDeciding, setDeciding] = useState(false);
  const loaded = query.data?.pages.flatMap(({ conflicts }) => conflicts) ?? [];
  const shown = loaded.filter((conflict) => matches(conflict, search));
  const open = shown.filter(({ status }) => status === "open").map(({ conflict }) => conflict);
  const chosen = shown.filter(({ conflict }) => open.includes(conflict) && selected.has(conflict)).slice(0, TOGETHER_MAX);
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  useKeys([{ key: "x", says: T.selectKey, does: () => document.activeElement?.closest("tr")?.querySelector<HTMLInputElement>("input[type=checkbox]")?.click() }]);
  const columns = columnsOf((id) => selected.has(id), toggle);
  const isFiltered = Object.keys(search).length > 0;
  return (
    <Page title={T.title} about={T.about}>
      <Filters search={search} />
      {query.isSuccess ? (
        <div className="actions">
          <span className="quiet" aria-live="polite">
            {T.within(shown.length, loaded.length)}
          </span>
          {open.length > 1 ? (
            <button type="button" onClick={() => setSelected(new Set(open.slice(0, TOGETHER_MAX)))}>
              {T.selectAll(Math.min(open.length, TOGETHER_MAX))}
            </button>
          ) : null}
        </div>
      ) : null}
      <PagedList
        query={query}
        of={({ conflicts }) => conflicts.filter((conflict) => matches(conflict, search))}
        empty={isFiltered ? <Empty title={T.noneFiltered}>{T.noneFilteredHelp}</Empty> : <Empty title={T.none}>{T.noneHelp}</Empty>}
      >
        {(conflicts) => <Table rows={conflicts} columns={columns} keyOf={({ conflict }) => conflict} />}
      </PagedList>
      {chosen.length > 0 ? (
        <div className="selection" role="region" aria-label={T.selected(chosen.length)}>
          <span>{T.selected(chosen.length)}</span>
          <button type="button" className="primary" onClick={() => setDeciding(true)}>
            {T.decideSelected} …
          </button>
          <button type="button" onClick={() => setSelected(new Set())}>
            {T.clear}
          </button>
        </div>
      ) : null}
      {isDeciding ? (
        <Together
          conflicts={chosen}
          onClose={(isDone) => {
            setDeciding(false);
            if (isDone) setSelected(new Set());
          }}
        />
      ) : null}
    </Page>
  );
}

function Filters({ search }: { readonly search: ConflictSearch }): ReactElement {
  const navigate = useNavigate({ from: "/conflicts" });
  const first = useRef<HTMLInputElement>(null);
  useKeys([{ key: "/", says: TEXTS.keys.filter, does: () => first.current?.focus() }]);
  const set = (name: keyof ConflictSearch, value: string): void => {
    const { [name]: _, ...rest } = search;
    void navigate({ search: value === "" ? rest : { ...rest, [name]: value }, replace: true });
  };
  return (
    <form className="filters" aria-label={T.filters} onSubmit={(event) => event.preventDefault()}>
      <label>
        {T.entity}
        <input ref={first} defaultValue={search.entity ?? ""} onBlur={(event) => set("entity", event.target.value.trim())} onKeyDown={(event) => event.key === "Enter" && set("entity", event.currentTarget.value.trim())} spellCheck={false} />
      </label>
      <label>
        {T.status}
        <select value={search.status ?? "waiting"} onChange={(event) => set("status", event.target.value === "waiting" ? "" : event.target.value)}>
          {Object.entries(T.statuses).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {T.kind}
        <select value={search.kind ?? ""} onChange={(event) => set("kind", event.target.value)}>
          <option value="">{TEXTS.any}</option>
          {Object.entries(T.kinds).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {T.writer}
        <input value={search.writer ?? ""} onChange={(event) => set("writer", event.target.value)} spellCheck={false} />
      </label>
      <label className="check">
        <input type="checkbox" checked={search.approval !== undefined} onChange={(event) => set("approval", event.target.checked ? "yes" : "")} />
        {T.approval}
      </label>
    </form>
  );
}

/** What stands in the list; `isSelected` and `toggle` are of the rows that are decided together. */
function columnsOf(isSelected: (id: string) => boolean, toggle: (id: string) => void): readonly Column<Conflict>[] {
  return [
    {
      name: T.select(""),
      isUnseen: true,
      cell: (conflict) =>
        conflict.status === "open" ? (
          <input type="checkbox" checked={isSelected(conflict.conflict)} onChange={() => toggle(conflict.conflict)} aria-label={T.select(`${conflict.entity} ${conflict.id} ${fieldOf(conflict)}`)} />
        ) : null,
    },
    {
      name: T.record,
      cell: ({ conflict, entity, id }) => (
        <Link to="/conflicts/$conflict" params={{ conflict }} data-row className="short">
          {`${entity} ${id}`}
        </Link>
      ),
    },
    { name: T.field, cell: (conflict) => <Field conflict={conflict} /> },
    { name: T.values, cell: ({ sides }) => <Values sides={sides} /> },
    {
      name: T.since,
      cell: ({ sides }) => {
        const latest = Math.max(0, ...sides.map(({ editedMs }) => editedMs));
        return latest === 0 ? null : <When at={latest} />;
      },
    },
  ];
}

function Field({ conflict }: { readonly conflict: Conflict }): ReactElement {
  const { kind, status, approval, skipped } = conflict;
  return (
    <>
      <code>{fieldOf(conflict)}</code> {kind === "values" ? null : <Badge tone="quiet">{T.kinds[kind]}</Badge>} {status === "open" ? null : <Badge tone="good">{T.state[status]}</Badge>}{" "}
      {approval === undefined ? null : <Badge tone="warn">{T.needs(approval.join(", "))}</Badge>} {skipped === undefined ? null : <Badge tone="quiet">{T.skipped(skipped.by)}</Badge>}
    </>
  );
}

function Values({ sides }: { readonly sides: readonly Side[] }): ReactElement {
  if (sides.length === 0) return <span className="quiet">{DESK.deletion}</span>;
  return (
    <ul className="plain-list">
      {sides.map(({ stamp, writer, value }) => (
        <li key={stamp}>
          <span className="quiet">{writer ?? DESK.unknownWriter}:</span> <InLine value={value} />
        </li>
      ))}
    </ul>
  );
}
