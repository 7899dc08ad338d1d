/** All endpoints, and how each does. */

import { useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useRef, useState } from "react";
import { useKeys } from "../../frame/keys";
import type { Endpoint } from "../../hub/shapes";
import { Empty, Loaded, Page } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { TEXTS } from "../../texts/texts";
import { endpointsQuery, latestQuery } from "./asked";
import { MakeEndpoint } from "./make";
import { SecretOnce } from "./secret-once";
import { Breaker, EndpointState, successOf } from "./words";

/** How many are shown at once, and how many more on request: a thousand rows take longer to draw than a key takes to be pressed. */
const SHOWN = 100;
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
      <Loaded query={query}>{(endpoints) => (endpoints.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : <Found endpoints={endpoints} />)}</Loaded>
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

/** Returns the endpoints that have a text in their names, addresses, descriptions or types. */
export function found(endpoints: readonly Endpoint[], text: string): readonly Endpoint[] {
  const sought = text.trim().toLowerCase();
  return endpoints.filter(({ id, url, description = "", events }) => [id, url, description, ...events].some((one) => one.toLowerCase().includes(sought)));
}

function Found({ endpoints }: { readonly endpoints: readonly Endpoint[] }): ReactElement {
  const [sought, setSought] = useState("");
  const [most, setMost] = useState(SHOWN);
  const field = useRef<HTMLInputElement>(null);
  useKeys([{ key: "/", says: TEXTS.keys.filter, does: () => field.current?.focus() }]);
  const shown = found(endpoints, sought);
  return (
    <>
      <div className="filters">
        <label>
          {T.find}
          <input ref={field} type="search" value={sought} onChange={(event) => setSought(event.target.value)} spellCheck={false} />
        </label>
        <p className="quiet" aria-live="polite">
          {T.foundOf(shown.length, endpoints.length)}
        </p>
      </div>
      {shown.length === 0 ? <Empty title={T.foundNone} /> : <Endpoints endpoints={shown.slice(0, most)} />}
      {shown.length > most ? (
        <button type="button" className="more" data-row onClick={() => setMost(most + SHOWN)}>
          {T.more(shown.length - most)}
        </button>
      ) : null}
    </>
  );
}

function Endpoints({ endpoints }: { readonly endpoints: readonly Endpoint[] }): ReactElement {
  const rated = endpoints.slice(0, RATED_MAX);
  const latest = useQueries({ queries: rated.map(({ id }) => latestQuery(id)) });
  const rates = new Map(rated.map(({ id }, at) => [id, latest[at]?.data]));
  const columns: readonly Column<Endpoint>[] = [
    {
      name: T.id,
      cell: ({ id, description, url }) => (
        <>
          <Link to="/endpoints/$endpoint" params={{ endpoint: id }} data-row>
            {id}
          </Link>{" "}
          <span className="quiet short">{description}</span>
          <div className="quiet short">{url}</div>
        </>
      ),
    },
    { name: T.state, cell: (endpoint) => <EndpointState endpoint={endpoint} /> },
    { name: T.breaker, cell: (endpoint) => <Breaker endpoint={endpoint} isShort /> },
    {
      name: T.success,
      isNumber: true,
      cell: ({ id }) => {
        const deliveries = rates.get(id);
        return deliveries !== undefined ? successOf(deliveries) : rates.has(id) ? null : <span className="quiet">{T.notRated}</span>;
      },
    },
    { name: T.pending, isNumber: true, cell: ({ pending }) => pending.toLocaleString() },
    { name: T.lag, isNumber: true, cell: ({ lag }) => lag.toLocaleString() },
  ];
  return <Table rows={endpoints} columns={columns} keyOf={({ id }) => id} />;
}
