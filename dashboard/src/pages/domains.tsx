/** What the hub is kept equal with, told of and told by, each with a verdict; who is held back; and the copies of clients. */

import { queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useEffect, useState } from "react";
import { paged } from "../hub/paged";
import { askHub, useSession } from "../hub/session";
import type { Domain, Next, Verdict } from "../hub/shapes";
import { Badge } from "../parts/badge";
import { Empty, Loaded, Page } from "../parts/page";
import { PagedList } from "../parts/paged";
import { Question } from "../parts/question";
import { type Column, Table } from "../parts/table";
import { When } from "../parts/when";
import { DOMAINS as T } from "../texts/domains";
import { ENDPOINTS } from "../texts/endpoints";
import { Reason } from "./endpoints/reason";

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

const VERDICTS: readonly Verdict[] = ["stopped", "degraded", "unknown", "healthy"];
/** What somebody has to look at. */
const NEEDY: readonly Verdict[] = ["stopped", "degraded"];
const TONES = { healthy: "good", unknown: "quiet", degraded: "warn", stopped: "bad" } as const;
/** How many domains a page has: as many as the hub tells at once. */
const PAGE = 100;
/** How many pages are looked through by themselves for what needs somebody. */
const SEARCHED_MAX = 20;

type Domains = { readonly domains: readonly Domain[]; readonly verdicts: Readonly<Record<Verdict, number>> } & Next;
const domainsQuery = paged<Domains>(["domains"], "/v1/domains", { limit: PAGE, everyMs: EVERY_MS });
const replicasQuery = queryOptions({ queryKey: ["replicas"], queryFn: async ({ signal }) => (await askHub<{ readonly replicas: readonly Replica[] }>("/v1/replicas", { signal })).replicas, refetchInterval: EVERY_MS });
const heldQuery = queryOptions({ queryKey: ["held"], queryFn: async ({ signal }) => (await askHub<{ readonly held: readonly Held[] }>("/v1/held", { signal })).held, refetchInterval: EVERY_MS });

export function Domains(): ReactElement {
  const query = useInfiniteQuery(domainsQuery);
  const verdicts = query.data?.pages[0]?.verdicts;
  const pages = query.data?.pages ?? [];
  const isComplete = verdicts === undefined || areWorstThere(verdicts, pages.flatMap(({ domains }) => domains));
  const { hasNextPage, isFetching, isError, fetchNextPage } = query;
  // The hub tells them by name: what needs somebody may stand on a later page.
  useEffect(() => {
    if (!isComplete && hasNextPage && !isFetching && !isError && pages.length < SEARCHED_MAX) void fetchNextPage();
  }, [isComplete, hasNextPage, isFetching, isError, pages.length, fetchNextPage]);
  return (
    <Page title={T.title} about={T.about}>
      {verdicts === undefined ? null : (
        <p className="quiet" aria-live="polite">
          {VERDICTS.filter((verdict) => verdicts[verdict] > 0).map((verdict) => (
            <span key={verdict}>
              <Badge tone={TONES[verdict]}>
                {verdicts[verdict].toLocaleString()} {T.verdicts[verdict]}
              </Badge>{" "}
            </span>
          ))}
        </p>
      )}
      {isComplete || !hasNextPage || pages.length < SEARCHED_MAX ? null : <p className="quiet">{T.furtherDown}</p>}
      <PagedList query={query} of={({ domains }) => domains} empty={<Empty title={T.none}>{T.noneHelp}</Empty>}>
        {(domains) => <Table rows={worstFirst(domains)} columns={ROWS} keyOf={({ kind, name }) => `${kind} ${name}`} areRowsStops />}
      </PagedList>
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

/** Returns whether all that needs somebody is among those that are here. */
export function areWorstThere(verdicts: Readonly<Record<Verdict, number>>, here: readonly Domain[]): boolean {
  return NEEDY.every((verdict) => here.filter((one) => one.verdict === verdict).length >= verdicts[verdict]);
}

/** Returns what needs somebody before what does not; otherwise in their order. */
export function worstFirst(domains: readonly Domain[]): readonly Domain[] {
  return [...domains].sort((one, other) => VERDICTS.indexOf(one.verdict) - VERDICTS.indexOf(other.verdict));
}

const ROWS: readonly Column<Domain>[] = [
  {
    name: T.name,
    cell: ({ kind, name, follows, entities }) => (
      <>
        <Named kind={kind} name={name} /> <span className="quiet">{T.kinds[kind]}</span>
        <div className="quiet short">{(follows ?? entities).join(", ")}</div>
      </>
    ),
  },
  {
    name: T.verdict,
    cell: ({ verdict, since }) => (
      <>
        <Badge tone={TONES[verdict]}>{T.verdicts[verdict]}</Badge> {since === undefined ? null : <>{T.since} <When at={since} /></>}
      </>
    ),
  },
  {
    name: T.why,
    cell: ({ reasons, lastError }) => (
      <>
        {reasons.map(({ code, about, todo }) => (
          <p key={code}>
            {sentence(about)} <strong>{sentence(todo)}</strong>
          </p>
        ))}
        {lastError === undefined ? null : (
          <>
            <span className="quiet">
              {T.lastError} <When at={lastError.at} /> {lastError.status}
            </span>
            <Reason reason={lastError.code} />
          </>
        )}
      </>
    ),
  },
  { name: T.pending, isNumber: true, cell: ({ pending }) => pending?.toLocaleString() },
  { name: T.seen, cell: ({ seen }) => (seen === undefined ? null : <When at={seen} />) },
];

/** Writes what the hub says of a domain as a sentence; its `lastError` stands below. */
function sentence(text: string): string {
  const said = text.replaceAll("lastError", T.lastError.toLowerCase());
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}

/** What a domain is called; an endpoint leads to its page, for those who may see it. */
function Named({ kind, name }: { readonly kind: Domain["kind"]; readonly name: string }): ReactElement {
  const state = useSession();
  if (kind !== "endpoint" || state.is !== "in" || state.session.role !== "admin") return <strong>{name}</strong>;
  return (
    <Link to="/endpoints/$endpoint" params={{ endpoint: name }}>
      {name}
    </Link>
  );
}

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
