/** What became of each event at an endpoint. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, useRef } from "react";
import { useKeys } from "../../frame/keys";
import type { Delivery, DeliveryState } from "../../hub/shapes";
import { Badge, type Tone } from "../../parts/badge";
import { Damaged } from "../../parts/damaged";
import { Empty, Page } from "../../parts/page";
import { PagedList } from "../../parts/paged";
import { type Column, Table } from "../../parts/table";
import { When } from "../../parts/when";
import { DELIVERIES as T } from "../../texts/endpoints";
import { TEXTS } from "../../texts/texts";
import { deliveriesQuery, type Sought } from "./asked";
import { OneDelivery } from "./delivery";

const route = getRouteApi("/endpoints/$endpoint/deliveries");
const TONES: Readonly<Record<DeliveryState, Tone>> = { waiting: "quiet", parked: "warn", sending: "busy", retrying: "warn", delivered: "good", dead: "bad", cancelled: "quiet" };

const idOf = (sequence: string): string => `delivery-${sequence}`;

export function Deliveries(): ReactElement {
  const { endpoint } = route.useParams();
  const { delivery: open, ...sought } = route.useSearch();
  const query = useInfiniteQuery(deliveriesQuery(endpoint, sought));
  const isListed = query.data?.pages.some(({ deliveries }) => deliveries.some(({ sequence }) => String(sequence) === open)) ?? false;
  const damaged = query.data?.pages.flatMap((page) => page.damaged ?? []) ?? [];
  return (
    <Page
      title={T.title(endpoint)}
      actions={
        <Link to="/endpoints/$endpoint" params={{ endpoint }}>
          {TEXTS.back}
        </Link>
      }
    >
      {open === undefined || isListed || query.isPending ? null : (
        <section className="card" aria-label={T.one(open)}>
          <h2>{T.one(open)}</h2>
          <OneDelivery endpoint={endpoint} sequence={open} />
        </section>
      )}
      <Filters sought={sought} />
      <Damaged rows={damaged} name={(sequence) => `#${sequence}`} keyOf={(sequence) => sequence} />
      <PagedList
        query={query}
        of={({ deliveries }) => deliveries}
        empty={damaged.length > 0 ? null : Object.keys(sought).length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : <Empty title={T.noneSought}>{T.noneSoughtHelp}</Empty>}
        more={T.older}
      >
        {(deliveries) => (
          <Table
            rows={deliveries}
            columns={columnsOf(open)}
            keyOf={({ sequence }) => sequence}
            below={({ sequence }) => (String(sequence) === open ? { id: idOf(open), content: <OneDelivery endpoint={endpoint} sequence={open} /> } : undefined)}
          />
        )}
      </PagedList>
    </Page>
  );
}

function Filters({ sought }: { readonly sought: Sought }): ReactElement {
  const navigate = route.useNavigate();
  const first = useRef<HTMLSelectElement>(null);
  useKeys([{ key: "/", says: TEXTS.keys.filter, does: () => first.current?.focus() }]);
  const set = (name: keyof Sought, value: string): void =>
    void navigate({
      search: ({ [name]: _, ...rest }) => (value === "" ? rest : { ...rest, [name]: value }),
      replace: true,
    });
  return (
    <form className="filters" aria-label={T.filters} onSubmit={(event) => event.preventDefault()}>
      <label>
        {T.state}
        <select ref={first} value={sought.state ?? ""} onChange={(event) => set("state", event.target.value)}>
          <option value="">{TEXTS.any}</option>
          {Object.entries(T.states).map(([state, name]) => (
            <option key={state} value={state}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {(["from", "to"] as const).map((name) => (
        <label key={name}>
          {TEXTS.zone(T[name])}
          <input type="datetime-local" defaultValue={sought[name] ?? ""} onBlur={(event) => set(name, event.target.value)} />
        </label>
      ))}
    </form>
  );
}

function columnsOf(open: string | undefined): readonly Column<Delivery>[] {
  return [
    { name: T.event, cell: ({ type, sequence }) => <Opener type={type} sequence={String(sequence)} isOpen={open === String(sequence)} /> },
    { name: T.state, cell: ({ state }) => <Badge tone={TONES[state]}>{T.states[state]}</Badge> },
    { name: T.record, cell: ({ resourceType, resourceId }) => `${resourceType ?? ""} ${resourceId ?? ""}` },
    { name: T.tries, isNumber: true, cell: ({ tries, attempts }) => tries ?? attempts.length },
    { name: T.when, cell: ({ created }) => (created === undefined ? null : <When at={created} />) },
  ];
}

/** Opens and closes a delivery; the address keeps which, so that one can hand it on. */
function Opener({ type, sequence, isOpen }: { readonly type: string; readonly sequence: string; readonly isOpen: boolean }): ReactElement {
  const navigate = route.useNavigate();
  return (
    <button
      type="button"
      className="plain"
      data-row
      aria-expanded={isOpen}
      aria-controls={isOpen ? idOf(sequence) : undefined}
      onClick={() => void navigate({ search: ({ delivery: _, ...rest }) => (isOpen ? rest : { ...rest, delivery: sequence }), replace: true, resetScroll: false })}
    >
      {type} <span className="quiet number">#{sequence}</span>
    </button>
  );
}
