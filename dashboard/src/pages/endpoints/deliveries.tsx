/** What became of each event at an endpoint. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import type { Delivery, DeliveryState } from "../../hub/shapes";
import { Badge, type Tone } from "../../parts/badge";
import { Empty, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { useRows } from "../../parts/rows";
import { When } from "../../parts/when";
import { TEXTS } from "../../texts";
import { deliveriesQuery } from "./asked";
import { OneDelivery } from "./delivery";

const route = getRouteApi("/endpoints/$endpoint/deliveries");
const T = TEXTS.deliveries;
const TONES: Readonly<Record<DeliveryState, Tone>> = { waiting: "quiet", parked: "warn", sending: "busy", retrying: "warn", delivered: "good", dead: "bad", cancelled: "quiet" };

export function Deliveries(): ReactElement {
  const { endpoint } = route.useParams();
  const query = useInfiniteQuery(deliveriesQuery(endpoint, undefined));
  const [open, setOpen] = useState<number>();
  const deliveries = query.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <Page
      title={T.title(endpoint)}
      actions={
        <Link to="/endpoints/$endpoint" params={{ endpoint }}>
          {TEXTS.back}
        </Link>
      }
    >
      {query.isPending ? <p className="loading">{TEXTS.loading}</p> : null}
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      {query.isSuccess && deliveries.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : null}
      {deliveries.length > 0 ? <Table endpoint={endpoint} deliveries={deliveries} open={open} setOpen={setOpen} /> : null}
      {query.hasNextPage ? (
        <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          {T.older}
        </button>
      ) : null}
    </Page>
  );
}

interface Facts {
  readonly endpoint: string;
  readonly deliveries: readonly Delivery[];
  readonly open: number | undefined;
  readonly setOpen: (sequence: number | undefined) => void;
}

function Table({ endpoint, deliveries, open, setOpen }: Facts): ReactElement {
  const rows = useRows<HTMLTableSectionElement>();
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">{T.event}</th>
          <th scope="col">{T.state}</th>
          <th scope="col">{T.record}</th>
          <th scope="col">{T.tries}</th>
          <th scope="col">{T.when}</th>
        </tr>
      </thead>
      <tbody ref={rows}>
        {deliveries.map((delivery) => (
          <Row key={delivery.sequence} endpoint={endpoint} delivery={delivery} isOpen={open === delivery.sequence} setOpen={setOpen} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ endpoint, delivery, isOpen, setOpen }: { readonly endpoint: string; readonly delivery: Delivery; readonly isOpen: boolean; readonly setOpen: (sequence: number | undefined) => void }): ReactElement {
  const { sequence, type, state, attempts, tries, created } = delivery;
  const details = `delivery-${sequence}`;
  return (
    <>
      <tr>
        <td data-label={T.event}>
          <button type="button" className="plain" data-row aria-expanded={isOpen} aria-controls={isOpen ? details : undefined} onClick={() => setOpen(isOpen ? undefined : sequence)}>
            {type} <span className="quiet number">#{sequence}</span>
          </button>
        </td>
        <td data-label={T.state}>
          <Badge tone={TONES[state]}>{T.states[state]}</Badge>
        </td>
        <td data-label={T.record}>
          {delivery.resourceType} {delivery.resourceId}
        </td>
        <td data-label={T.tries} className="number">
          {tries ?? attempts.length}
        </td>
        <td data-label={T.when}>{created === undefined ? null : <When at={created} />}</td>
      </tr>
      {isOpen ? (
        <tr id={details}>
          <td colSpan={5}>
            <OneDelivery endpoint={endpoint} delivery={delivery} />
          </td>
        </tr>
      ) : null}
    </>
  );
}
