/** The conflicts that wait, and which of them one wants to see. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useRef, useState } from "react";
import { useKeys } from "../../frame/keys";
import type { Conflict } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Empty, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { useRows } from "../../parts/rows";
import { InLine } from "../../parts/value";
import { When } from "../../parts/when";
import type { ConflictSearch } from "../../router";
import { TEXTS } from "../../texts";
import { conflictsQuery, TOGETHER_MAX } from "./asked";
import { Together } from "./together";
import { fieldOf, writersOf } from "./words";

const route = getRouteApi("/conflicts");
const T = TEXTS.conflicts;

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
  const chosen = shown.filter(({ conflict, status }) => status === "open" && selected.has(conflict)).slice(0, TOGETHER_MAX);
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const isFiltered = Object.keys(search).length > 0;
  return (
    <Page title={T.title} about={T.about}>
      <Filters search={search} />
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
      {query.isSuccess ? (
        <p className="quiet" aria-live="polite">
          {T.within(shown.length, loaded.length)}
        </p>
      ) : null}
      {query.isSuccess && shown.length === 0 ? (
        isFiltered ? (
          <Empty title={T.noneFiltered}>{T.noneFilteredHelp}</Empty>
        ) : (
          <Empty title={T.none}>{T.noneHelp}</Empty>
        )
      ) : null}
      {shown.length > 0 ? <Table conflicts={shown} selected={selected} toggle={toggle} /> : null}
      {query.hasNextPage ? (
        <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          {TEXTS.more}
        </button>
      ) : null}
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

interface Rows {
  readonly conflicts: readonly Conflict[];
  readonly selected: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
}

function Table({ conflicts, selected, toggle }: Rows): ReactElement {
  const rows = useRows<HTMLTableSectionElement>();
  useKeys([{ key: "x", says: T.selectKey, does: () => document.activeElement?.closest("tr")?.querySelector<HTMLInputElement>("input[type=checkbox]")?.click() }]);
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">
            <span className="unseen">{T.select("")}</span>
          </th>
          <th scope="col">{T.record}</th>
          <th scope="col">{T.field}</th>
          <th scope="col">{T.values}</th>
          <th scope="col">{T.since}</th>
        </tr>
      </thead>
      <tbody ref={rows}>
        {conflicts.map((conflict) => (
          <Row key={conflict.conflict} conflict={conflict} isSelected={selected.has(conflict.conflict)} toggle={toggle} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ conflict, isSelected, toggle }: { readonly conflict: Conflict; readonly isSelected: boolean; readonly toggle: (id: string) => void }): ReactElement {
  const { entity, id, sides, approval, skipped, status } = conflict;
  const name = `${entity} ${id}`;
  const latest = Math.max(0, ...sides.map(({ editedMs }) => editedMs));
  return (
    <tr>
      <td className="cell-check">
        {status === "open" ? <input type="checkbox" checked={isSelected} onChange={() => toggle(conflict.conflict)} aria-label={T.select(`${name} ${fieldOf(conflict)}`)} /> : null}
      </td>
      <td data-label={T.record}>
        <Link to="/conflicts/$conflict" params={{ conflict: conflict.conflict }} data-row>
          {name}
        </Link>
      </td>
      <td data-label={T.field}>
        <code>{fieldOf(conflict)}</code> {conflict.kind === "values" ? null : <Badge tone="quiet">{T.kinds[conflict.kind]}</Badge>}{" "}
        {status === "open" ? null : <Badge tone="good">{T.state[status]}</Badge>} {approval === undefined ? null : <Badge tone="warn">{T.needs(approval.join(", "))}</Badge>}{" "}
        {skipped === undefined ? null : <Badge tone="quiet">{T.skipped(skipped.by)}</Badge>}
      </td>
      <td data-label={T.values}>
        <ul className="plain-list">
          {sides.map(({ stamp, writer, value }) => (
            <li key={stamp}>
              <span className="quiet">{writer ?? TEXTS.desk.unknownWriter}:</span> <InLine value={value} />
            </li>
          ))}
        </ul>
        {sides.length === 0 ? <span className="quiet">{TEXTS.desk.deletion}</span> : null}
      </td>
      <td data-label={T.since}>{latest === 0 ? null : <When at={latest} />}</td>
    </tr>
  );
}
