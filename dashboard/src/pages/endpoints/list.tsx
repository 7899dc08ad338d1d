/** All endpoints, and how each does. */

import { useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { useKeys } from "../../frame/keys";
import type { Delivery, Endpoint } from "../../hub/shapes";
import { Empty, Loaded, Page } from "../../parts/page";
import { useRows } from "../../parts/rows";
import { TEXTS } from "../../texts";
import { endpointsQuery, latestQuery } from "./asked";
import { MakeEndpoint } from "./make";
import { SecretOnce } from "./secret-once";
import { Breaker, EndpointState, successOf } from "./words";

const T = TEXTS.endpoints;
/** Of how many endpoints the success rate is asked at once: one request each. */
const RATED_MAX = 25;

export function EndpointList(): ReactElement {
  const query = useQuery(endpointsQuery);
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<Endpoint>();
  const navigate = useNavigate();
  useKeys([{ key: "n", says: T.make, does: () => setMaking(true) }]);
  return (
    <Page
      title={T.title}
      about={T.about}
      actions={
        <button type="button" className="primary" onClick={() => setMaking(true)}>
          {T.make}
        </button>
      }
    >
      <Loaded query={query}>{(endpoints) => (endpoints.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : <Table endpoints={endpoints} />)}</Loaded>
      {isMaking ? (
        <MakeEndpoint
          onClose={() => setMaking(false)}
          onMade={(endpoint) => {
            setMaking(false);
            setMade(endpoint);
          }}
        />
      ) : null}
      {made?.secrets === undefined ? null : <SecretOnce secrets={made.secrets} onClose={() => void navigate({ to: "/endpoints/$endpoint", params: { endpoint: made.id } })} />}
    </Page>
  );
}

function Table({ endpoints }: { readonly endpoints: readonly Endpoint[] }): ReactElement {
  const rows = useRows<HTMLTableSectionElement>();
  const latest = useQueries({ queries: endpoints.slice(0, RATED_MAX).map(({ id }) => latestQuery(id)) });
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">{T.id}</th>
          <th scope="col">{T.state}</th>
          <th scope="col">{T.breaker}</th>
          <th scope="col">{T.success}</th>
          <th scope="col">{T.pending}</th>
          <th scope="col">{T.lag}</th>
        </tr>
      </thead>
      <tbody ref={rows}>
        {endpoints.map((endpoint, at) => (
          <Row key={endpoint.id} endpoint={endpoint} latest={latest[at]?.data} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ endpoint, latest }: { readonly endpoint: Endpoint; readonly latest: readonly Delivery[] | undefined }): ReactElement {
  return (
    <tr>
      <td data-label={T.id}>
        <Link to="/endpoints/$endpoint" params={{ endpoint: endpoint.id }} data-row>
          {endpoint.id}
        </Link>{" "}
        <span className="quiet">{endpoint.description}</span>
        <div className="quiet">{endpoint.url}</div>
      </td>
      <td data-label={T.state}>
        <EndpointState endpoint={endpoint} />
      </td>
      <td data-label={T.breaker}>
        <Breaker endpoint={endpoint} isShort />
      </td>
      <td data-label={T.success} className="number">
        {latest === undefined ? null : successOf(latest)}
      </td>
      <td data-label={T.pending} className="number">
        {endpoint.pending}
      </td>
      <td data-label={T.lag} className="number">
        {endpoint.lag}
      </td>
    </tr>
  );
}
