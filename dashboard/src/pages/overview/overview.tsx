/** How the hub does, asked again every five seconds. */

import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { type Entry, entriesOf } from "../../frame/roles";
import { useSession } from "../../hub/session";
import type { Overview as Facts, Sample } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Loaded, Page } from "../../parts/page";
import { span } from "../../parts/when";
import { OVERVIEW as T } from "../../texts/overview";
import { TEXTS } from "../../texts/texts";
import { Alerts } from "./alerts";
import { Chart } from "./chart";
import { errorsOf } from "./errors";
import { Notices } from "./notices";
import { useOverview } from "./samples";

const TONES = { pass: "good", warn: "warn", fail: "bad" } as const;

export function Overview(): ReactElement {
  const query = useOverview();
  return (
    <Page title={T.title} about={T.live}>
      <Loaded query={query}>{(facts) => <Now facts={facts} />}</Loaded>
    </Page>
  );
}

const percent = (ratio: number | null): string => (ratio === null ? T.unknown : `${(Math.floor(ratio * 10_000) / 100).toLocaleString(undefined, { maximumFractionDigits: 2 })} %`);
const perSecond = (count: number): string => count.toLocaleString(undefined, { maximumFractionDigits: 1 });

function Now({ facts }: { readonly facts: Facts }): ReactElement {
  const { now, samples, everySeconds } = facts;
  const last = samples.at(-1);
  const series = (of: (sample: Sample) => number | null): readonly (number | null)[] => samples.map(of);
  const errors = last === undefined ? null : errorsOf(last);
  return (
    <>
      <p className="health" role="status">
        <Badge tone={TONES[facts.health]}>{T.health[facts.health]}</Badge>
      </p>
      {facts.reasons.length === 0 ? null : (
        <div className="notice">
          <p>{T.reasons}</p>
          <ul>
            {facts.reasons.map((reason) => (
              <li key={reason}>
                <Why reason={reason} />
              </li>
            ))}
          </ul>
        </div>
      )}
      <dl className="tiles">
        <Tile name={T.throughput}>{last === undefined ? T.unknown : perSecond(last.changes / everySeconds)}</Tile>
        <Tile name={T.lag}>{now.lagMs === null ? TEXTS.none : span(now.lagMs)}</Tile>
        <Tile name={T.queue} about={T.queueAbout}>
          {now.queue.toLocaleString()}
        </Tile>
        <Tile name={T.errors} about={T.errorsAbout}>
          {errors === null ? T.idle : percent(errors)}
        </Tile>
        <Tile name={T.consistency} about={T.consistencyAbout}>
          {percent(now.consistency)}
        </Tile>
        <Tile name={T.conflicts}>
          <Way to="/conflicts">{now.conflictsOpen === undefined ? T.unknown : now.conflictsMore === true ? T.atLeast(now.conflictsOpen) : now.conflictsOpen}</Way>
        </Tile>
        <Tile name={T.endpoints}>
          <Way to="/endpoints">{T.endpointsNow(now.endpoints.all, now.endpoints.failing, now.endpoints.disabled)}</Way>
        </Tile>
        <Tile name={T.replicas}>
          <Way to="/domains">{now.replicas.equal + now.replicas.different + now.replicas.unknown === 0 ? T.replicasNone : T.replicasNow(now.replicas.equal, now.replicas.different, now.replicas.unknown)}</Way>
        </Tile>
        <Tile name={T.held}>
          <Way to="/domains">{now.held ?? T.unknown}</Way>
        </Tile>
        {now.backupBehindMs === undefined ? null : <Tile name={T.backup}>{span(now.backupBehindMs)}</Tile>}
      </dl>
      <Alerts />
      <section aria-labelledby="charts">
        <h2 id="charts">{T.charts}</h2>
        {samples.length === 0 ? <p className="quiet">{T.noSamples}</p> : null}
        <div className="charts">
          <Chart title={T.throughput} times={samples} values={series(({ changes }) => changes / everySeconds)} write={perSecond} />
          <Chart title={T.requests} times={samples} values={series(({ requests }) => requests / everySeconds)} write={perSecond} />
          <Chart title={T.errors} times={samples} values={series(errorsOf)} write={percent} none={T.idle} />
          <Chart title={T.queue} times={samples} values={series(({ queue }) => queue)} write={(count) => count.toLocaleString()} />
          <Chart title={T.lag} times={samples} values={series(({ lagMs }) => lagMs)} write={span} none={TEXTS.none} />
          <Chart title={T.consistency} times={samples} values={series(({ consistency }) => consistency)} write={percent} />
        </div>
      </section>
      <Notices />
    </>
  );
}

const WHY: Readonly<Record<string, string>> = T.why;
const WHERE: Readonly<Record<string, "/endpoints" | "/domains">> = { endpoints_disabled: "/endpoints", endpoints_failing: "/endpoints", clients_held: "/domains", copies_differ: "/domains" };

function Why({ reason }: { readonly reason: string }): ReactElement {
  const to = WHERE[reason];
  const says = WHY[reason] ?? reason;
  return to === undefined ? <>{says}</> : <Way to={to}>{says}</Way>;
}

/** Leads to a page, for those who may see it. */
function Way({ to, children }: { readonly to: Entry["to"]; readonly children: ReactNode }): ReactElement {
  const state = useSession();
  const mayGo = state.is === "in" && entriesOf(state.session.role).some((entry) => entry.to === to);
  return mayGo ? <Link to={to}>{children}</Link> : <>{children}</>;
}

function Tile({ name, about, children }: { readonly name: string; readonly about?: string; readonly children: ReactNode }): ReactElement {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd className="number">{children}</dd>
      {about === undefined ? null : <dd className="quiet small">{about}</dd>}
    </div>
  );
}
