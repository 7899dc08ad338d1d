/** What was given up: deliveries, and operations of clients. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { paged } from "../hub/paged";
import { useSession } from "../hub/session";
import type { DamagedDelivery, DeadDelivery, DeadLetter, Next } from "../hub/shapes";
import { Damaged } from "../parts/damaged";
import { Empty, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { Advice } from "../parts/problem";
import { type Column, Table } from "../parts/table";
import { When } from "../parts/when";
import { DEAD as T } from "../texts/dead";
import { DELIVERIES, ENDPOINTS } from "../texts/endpoints";
import { TEXTS } from "../texts/texts";
import { Reason } from "./endpoints/reason";

/** How many a page has. */
const PAGE = 50;
/** How often the lists are asked again, in milliseconds. */
const EVERY_MS = 15_000;

interface DeadDeliveries extends Next {
  readonly dead: readonly DeadDelivery[];
  readonly damaged?: readonly DamagedDelivery[];
}

const deliveriesQuery = paged<DeadDeliveries>(["dead", "deliveries"], "/v1/deliveries/dead", { limit: PAGE, everyMs: EVERY_MS });
const operationsQuery = paged<{ readonly deadLetters: readonly DeadLetter[] } & Next>(["dead", "operations"], "/v1/dead-letters", { limit: PAGE, everyMs: EVERY_MS });

export function DeadLetters(): ReactElement {
  const state = useSession();
  return (
    <Page title={T.title} about={T.about}>
      {state.is === "in" && state.session.role === "admin" ? <Deliveries /> : null}
      <Operations />
    </Page>
  );
}

const DEAD_DELIVERIES: readonly Column<DeadDelivery>[] = [
  {
    name: DELIVERIES.event,
    cell: ({ endpoint, sequence, type }) => (
      <ToDelivery endpoint={endpoint} sequence={sequence}>
        {type} <span className="quiet number">#{sequence}</span>
      </ToDelivery>
    ),
  },
  {
    name: T.endpoint,
    cell: ({ endpoint }) => (
      <>
        <Link to="/endpoints/$endpoint" params={{ endpoint }}>
          {endpoint}
        </Link>{" "}
        <Link to="/endpoints/$endpoint/replay" params={{ endpoint }}>
          {ENDPOINTS.replay}
        </Link>
      </>
    ),
  },
  { name: DELIVERIES.record, cell: ({ resourceType, resourceId, damaged }) => (damaged === true ? <span className="quiet">{TEXTS.damaged.unreadable}</span> : `${resourceType ?? ""} ${resourceId ?? ""}`) },
  { name: T.reason, cell: ({ reason }) => <Reason reason={reason} /> },
  { name: DELIVERIES.tries, isNumber: true, cell: ({ tries }) => tries },
  { name: T.at, cell: ({ at }) => <When at={at} /> },
];

function ToDelivery({ endpoint, sequence, children }: DamagedDelivery & { readonly children: ReactNode }): ReactElement {
  return (
    <Link to="/endpoints/$endpoint/deliveries" params={{ endpoint }} search={{ delivery: String(sequence) }} data-row>
      {children}
    </Link>
  );
}

const placeOf = ({ endpoint, sequence }: DamagedDelivery): string => `${endpoint} ${sequence}`;

function Deliveries(): ReactElement {
  const query = useInfiniteQuery(deliveriesQuery);
  const damaged = query.data?.pages.flatMap((page) => page.damaged ?? []) ?? [];
  return (
    <section aria-label={T.deliveries}>
      <h2>{T.deliveries}</h2>
      <Damaged rows={damaged} name={(one) => <ToDelivery {...one}>{`${one.endpoint} #${one.sequence}`}</ToDelivery>} keyOf={placeOf} />
      <PagedList query={query} of={({ dead }) => dead} empty={damaged.length > 0 ? null : <Empty title={T.deliveriesNone}>{T.deliveriesNoneHelp}</Empty>}>
        {(dead) => <Table rows={dead} columns={DEAD_DELIVERIES} keyOf={placeOf} />}
      </PagedList>
    </section>
  );
}

const DEAD_OPERATIONS: readonly Column<DeadLetter>[] = [
  { name: T.client, cell: ({ client }) => client },
  { name: T.op, isNumber: true, cell: ({ op }) => op },
  { name: T.entity, cell: ({ entity }) => entity },
  { name: T.code, cell: ({ code }) => <Advice code={code} /> },
];

function Operations(): ReactElement {
  return (
    <section aria-label={T.operations}>
      <h2>{T.operations}</h2>
      <PagedList query={useInfiniteQuery(operationsQuery)} of={({ deadLetters }) => deadLetters} empty={<Empty title={T.operationsNone}>{T.operationsNoneHelp}</Empty>}>
        {(letters) => <Table rows={letters} columns={DEAD_OPERATIONS} keyOf={({ client, op }) => `${client} ${op}`} areRowsStops />}
      </PagedList>
    </section>
  );
}
