/** What the hub is kept equal with: folders, and the copies of clients; and who is held back. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { askHub } from "../hub/session";
import type { Domain } from "../hub/shapes";
import { Badge } from "../parts/badge";
import { Empty, Loaded, Page } from "../parts/page";
import { Question } from "../parts/question";
import { type Column, Table } from "../parts/table";
import { When } from "../parts/when";
import { DOMAINS as T } from "../texts/domains";
import { ENDPOINTS } from "../texts/endpoints";

/** How often it is asked again, in milliseconds. */
const EVERY_MS = 10_000;

interface Replica {
  readonly client: string;
  readonly follows: string;
  readonly state: "equal" | "different" | "unknown";
  readonly seen: string;
}

interface Held {
  readonly client: string;
  readonly entity: string;
  readonly deed: "change" | "delete";
  readonly records: number;
  readonly allowed: number;
  readonly since: string;
}

const domainsQuery = queryOptions({ queryKey: ["domains"], queryFn: async ({ signal }) => (await askHub<{ readonly domains: readonly Domain[] }>("/v1/domains", { signal })).domains, refetchInterval: EVERY_MS });
const replicasQuery = queryOptions({ queryKey: ["replicas"], queryFn: async ({ signal }) => (await askHub<{ readonly replicas: readonly Replica[] }>("/v1/replicas", { signal })).replicas, refetchInterval: EVERY_MS });
const heldQuery = queryOptions({ queryKey: ["held"], queryFn: async ({ signal }) => (await askHub<{ readonly held: readonly Held[] }>("/v1/held", { signal })).held, refetchInterval: EVERY_MS });

export function Domains(): ReactElement {
  return (
    <Page title={T.title} about={T.about}>
      <Loaded query={useQuery(domainsQuery)}>{(domains) => (domains.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : <Table rows={domains} columns={FOLDERS} keyOf={({ name }) => name} areRowsStops />)}</Loaded>
      <section aria-labelledby="held">
        <h2 id="held">{T.held}</h2>
        <p className="quiet">{T.heldAbout}</p>
        <Loaded query={useQuery(heldQuery)}>{(held) => (held.length === 0 ? <p>{T.heldNone}</p> : <HeldClients held={held} />)}</Loaded>
      </section>
      <section aria-labelledby="replicas">
        <h2 id="replicas">{T.replicas}</h2>
        <Loaded query={useQuery(replicasQuery)}>{(replicas) => (replicas.length === 0 ? <p>{T.replicasNone}</p> : <Table rows={replicas} columns={COPIES} keyOf={({ client, follows }) => `${client} ${follows}`} areRowsStops />)}</Loaded>
      </section>
    </Page>
  );
}

const FOLDERS: readonly Column<Domain>[] = [
  { name: T.name, cell: ({ name }) => name },
  { name: T.entities, cell: ({ entities }) => entities.join(", ") },
];

const COPY_TONES = { equal: "good", different: "bad", unknown: "quiet" } as const;
const COPIES: readonly Column<Replica>[] = [
  { name: T.client, cell: ({ client }) => client },
  { name: T.follows, cell: ({ follows }) => follows },
  { name: T.state, cell: ({ state }) => <Badge tone={COPY_TONES[state]}>{T.states[state]}</Badge> },
  { name: T.seen, cell: ({ seen }) => <When at={seen} /> },
];

function HeldClients({ held }: { readonly held: readonly Held[] }): ReactElement {
  const [asked, setAsked] = useState<Held>();
  const columns: readonly Column<Held>[] = [
    { name: T.client, cell: ({ client }) => client },
    { name: T.deed, cell: ({ deed, entity }) => `${T.deeds[deed]} ${entity}` },
    { name: T.records, isNumber: true, cell: ({ records }) => records.toLocaleString() },
    { name: T.allowed, isNumber: true, cell: ({ allowed }) => allowed.toLocaleString() },
    { name: ENDPOINTS.since, cell: ({ since }) => <When at={since} /> },
    {
      name: T.release,
      isUnseen: true,
      cell: (one) => (
        <button type="button" data-row onClick={() => setAsked(one)}>
          {T.release} …
        </button>
      ),
    },
  ];
  return (
    <>
      <Table rows={held} columns={columns} keyOf={({ client, entity, deed }) => `${client} ${entity} ${deed}`} />
      {asked === undefined ? null : (
        <Question
          title={T.releaseTitle(asked.client)}
          about={T.releaseHelp(T.deeds[asked.deed], asked.records, asked.entity)}
          does={T.release}
          done={T.released}
          isDangerous={asked.deed === "delete"}
          work={() => askHub("/v1/held/release", { method: "POST", body: { client: asked.client, entity: asked.entity } })}
          changes={["held"]}
          onClose={() => setAsked(undefined)}
        />
      )}
    </>
  );
}
