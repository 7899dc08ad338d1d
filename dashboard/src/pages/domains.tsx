/** What the hub is kept equal with: folders, and the copies of clients; and who is held back. */

import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { announce } from "../frame/announce";
import { askHub } from "../hub/session";
import type { Domain } from "../hub/shapes";
import { Badge } from "../parts/badge";
import { Empty, Loaded, Page } from "../parts/page";
import { Problem } from "../parts/problem";
import { When } from "../parts/when";
import { TEXTS } from "../texts";

const T = TEXTS.domains;
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
      <Loaded query={useQuery(domainsQuery)}>{(domains) => (domains.length === 0 ? <Empty title={T.none}>{T.noneHelp}</Empty> : <Folders domains={domains} />)}</Loaded>
      <section aria-labelledby="held">
        <h2 id="held">{T.held}</h2>
        <p className="quiet">{T.heldAbout}</p>
        <Loaded query={useQuery(heldQuery)}>{(held) => (held.length === 0 ? <p>{T.heldNone}</p> : <HeldTable held={held} />)}</Loaded>
      </section>
      <section aria-labelledby="replicas">
        <h2 id="replicas">{T.replicas}</h2>
        <Loaded query={useQuery(replicasQuery)}>{(replicas) => (replicas.length === 0 ? <p>{T.replicasNone}</p> : <Replicas replicas={replicas} />)}</Loaded>
      </section>
    </Page>
  );
}

function Folders({ domains }: { readonly domains: readonly Domain[] }): ReactElement {
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">{T.name}</th>
          <th scope="col">{T.entities}</th>
          <th scope="col">{T.verdict}</th>
        </tr>
      </thead>
      <tbody>
        {domains.map(({ name, entities, verdict }) => (
          <tr key={name}>
            <td data-label={T.name}>{name}</td>
            <td data-label={T.entities}>{entities.join(", ")}</td>
            <td data-label={T.verdict}>{verdict}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Replicas({ replicas }: { readonly replicas: readonly Replica[] }): ReactElement {
  const tones = { equal: "good", different: "bad", unknown: "quiet" } as const;
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">{T.client}</th>
          <th scope="col">{T.follows}</th>
          <th scope="col">{T.state}</th>
          <th scope="col">{T.seen}</th>
        </tr>
      </thead>
      <tbody>
        {replicas.map(({ client, follows, state, seen }) => (
          <tr key={`${client} ${follows}`}>
            <td data-label={T.client}>{client}</td>
            <td data-label={T.follows}>{follows}</td>
            <td data-label={T.state}>
              <Badge tone={tones[state]}>{T.states[state]}</Badge>
            </td>
            <td data-label={T.seen}>
              <When at={seen} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function HeldTable({ held }: { readonly held: readonly Held[] }): ReactElement {
  const queries = useQueryClient();
  const release = useMutation({
    mutationFn: ({ client, entity }: Held) => askHub("/v1/held/release", { method: "POST", body: { client, entity } }),
    onSuccess: async () => {
      announce(T.released);
      await queries.invalidateQueries({ queryKey: ["held"] });
    },
  });
  return (
    <>
      {release.isError ? <Problem error={release.error} /> : null}
      <table className="list">
        <thead>
          <tr>
            <th scope="col">{T.client}</th>
            <th scope="col">{T.deed}</th>
            <th scope="col">{T.records}</th>
            <th scope="col">{T.allowed}</th>
            <th scope="col">{TEXTS.endpoints.since}</th>
            <th scope="col">
              <span className="unseen">{T.release}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {held.map((one) => (
            <tr key={`${one.client} ${one.entity} ${one.deed}`}>
              <td data-label={T.client}>{one.client}</td>
              <td data-label={T.deed}>
                {T.deeds[one.deed]} {one.entity}
              </td>
              <td data-label={T.records} className="number">
                {one.records}
              </td>
              <td data-label={T.allowed} className="number">
                {one.allowed}
              </td>
              <td data-label={TEXTS.endpoints.since}>
                <When at={one.since} />
              </td>
              <td>
                <button type="button" disabled={release.isPending} onClick={() => release.mutate(one)}>
                  {T.release}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
