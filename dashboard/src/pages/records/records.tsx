/** Records: which there are, and one of them through time. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useRef } from "react";
import { useKeys } from "../../frame/keys";
import { HubError } from "../../hub/ask";
import type { Change } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Empty, Page } from "../../parts/page";
import { PagedList } from "../../parts/paged";
import { type Column, Table } from "../../parts/table";
import { InLine } from "../../parts/value";
import { RECORDS as T } from "../../texts/records";
import { TEXTS } from "../../texts/texts";
import { listQuery, schemasQuery } from "./asked";
import { Travel } from "./travel";

const route = getRouteApi("/records");

export function Records(): ReactElement {
  const { entity, id, at } = route.useSearch();
  return (
    <Page title={T.title} about={T.about}>
      <Which entity={entity} id={id} key={`${entity} ${id}`} />
      {entity === undefined ? <Empty title={T.start}>{T.startHelp}</Empty> : id === undefined ? <List entity={entity} /> : <Travel key={`${entity} ${id}`} entity={entity} id={id} at={at} />}
    </Page>
  );
}

function Which({ entity, id }: { readonly entity: string | undefined; readonly id: string | undefined }): ReactElement {
  const navigate = route.useNavigate();
  const first = useRef<HTMLInputElement>(null);
  const schemas = useQuery(schemasQuery);
  useKeys([{ key: "/", says: TEXTS.keys.filter, does: () => first.current?.focus() }]);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [name, record] = [String(form.get("entity")).trim(), String(form.get("id")).trim()];
    void navigate({ search: { ...(name !== "" && { entity: name }), ...(record !== "" && { id: record }) } });
  };
  return (
    <form className="filters" onSubmit={submit}>
      <label>
        {T.entity}
        <input ref={first} name="entity" defaultValue={entity ?? ""} list="entities" required spellCheck={false} />
      </label>
      <datalist id="entities">
        {(schemas.data ?? []).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label>
        {T.id}
        <input name="id" defaultValue={id ?? ""} spellCheck={false} />
      </label>
      <button type="submit" className="primary">
        {T.open}
      </button>
    </form>
  );
}

function List({ entity }: { readonly entity: string }): ReactElement {
  const query = useInfiniteQuery(listQuery(entity));
  const none = <Empty title={T.none(entity)}>{T.noneHelp}</Empty>;
  const columns: readonly Column<Change>[] = [
    {
      name: T.id,
      cell: ({ id, conflicts }) => (
        <>
          <Link to="/records" search={{ entity, id }} data-row className="short">
            {id}
          </Link>{" "}
          {conflicts === undefined || conflicts.length === 0 ? null : <Badge tone="warn">{T.conflicts(conflicts.length)}</Badge>}
        </>
      ),
    },
    { name: T.now, cell: ({ record }) => <InLine value={record ?? undefined} /> },
  ];
  return (
    <section aria-labelledby="records">
      <h2 id="records">{T.listTitle(entity)}</h2>
      {query.error instanceof HubError && query.error.status === 404 ? (
        none
      ) : (
        <PagedList query={query} of={({ records }) => records} empty={none}>
          {(records) => <Table rows={records} columns={columns} keyOf={({ id }) => id} />}
        </PagedList>
      )}
    </section>
  );
}
