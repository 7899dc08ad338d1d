/** What was given up: deliveries, and operations of clients. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { paged } from "../hub/paged";
import { useSession } from "../hub/session";
import type { DeadDelivery, DeadLetter, Next } from "../hub/shapes";
import { Empty, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { Advice } from "../parts/problem";
import { type Column, Table } from "../parts/table";
import { When } from "../parts/when";
import { DEAD as T } from "../texts/dead";
import { DELIVERIES, ENDPOINTS } from "../texts/endpoints";
import { Reason } from "./endpoints/reason";

/** How many a page has. */
const PAGE = 50;
/** How often the lists are asked again, in milliseconds. */
const EVERY_MS = 15_000;

const deliveriesQuery = paged<{ readonly dead: readonly DeadDelivery[] } & Next>(["dead", "deliveries"], "/v1/deliveries/dead", { limit: PAGE, everyMs: EVERY_MS });
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
      <Link to="/endpoints/$endpoint/deliveries" params={{ endpoint }} search={{ delivery: String(sequence) }} data-row>
        {type} <span className="quiet number">#{sequence}</span>
      </Link>
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
  { name: DELIVERIES.record, cell: ({ resourceType, resourceId }) => `${resourceType ?? ""} ${resourceId ?? ""}` },
  { name: T.reason, cell: ({ reason }) => <Reason reason={reason} /> },
  { name: DELIVERIES.tries, isNumber: true, cell: ({ tries }) => tries },
  { name: T.at, cell: ({ at }) => <When at={at} /> },
];

function Deliveries(): ReactElement {
  return (
    <section aria-label={T.deliveries}>
      <h2>{T.deliveries}</h2>
      <PagedList query={useInfiniteQuery(deliveriesQuery)} of={({ dead }) => dead} empty={<Empty title={T.deliveriesNone}>{T.deliveriesNoneHelp}</Empty>}>
        {(dead) => <Table rows={dead} columns={DEAD_DELIVERIES} keyOf={({ endpoint, sequence }) => `${endpoint} ${sequence}`} />}
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
