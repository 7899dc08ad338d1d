/** How an endpoint does, and what is settled of it. */

import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import type { Endpoint, Tested } from "../../hub/shapes";
import { Fact } from "../../parts/facts";
import { Value } from "../../parts/value";
import { Moment, span, When } from "../../parts/when";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { latestQuery } from "./asked";
import { Reason } from "./reason";
import { Breaker, EndpointState, successOf } from "./words";

export function TestReport({ tested }: { readonly tested: Tested }): ReactElement {
  const { delivered, durationMs, status, reason, answer } = tested;
  return (
    <div role="status" className={delivered ? "notice good" : "problem"}>
      <p>{delivered ? T.tested(durationMs) : T.testFailed}</p>
      <dl className="facts">
        {status === undefined ? null : <Fact name={T.testStatus}>{status}</Fact>}
        {reason === undefined ? null : (
          <Fact name={T.testReason}>
            <Reason reason={reason} />
          </Fact>
        )}
        {answer === undefined ? null : (
          <Fact name={T.testAnswer}>
            <span className="value">{answer}</span>
          </Fact>
        )}
      </dl>
    </div>
  );
}

/** What stands in the way of its deliveries, and how long until it is disabled as long as nothing is delivered. */
export function Troubles({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { damaged, disabled, pausedUntil } = endpoint;
  return (
    <>
      {damaged === undefined ? null : (
        <p role="alert" className="problem">
          {T.damaged(damaged)}
        </p>
      )}
      {disabled === undefined ? null : <p className="notice">{T.disabledHelp[disabled]}</p>}
      {pausedUntil === undefined || disabled !== undefined ? null : (
        <p className="notice">
          {T.paused} <Moment at={pausedUntil} />
        </p>
      )}
      <Countdown endpoint={endpoint} />
    </>
  );
}

function Countdown({ endpoint }: { readonly endpoint: Endpoint }): ReactElement | null {
  const { disablesAt, disabled, disableAfterMs, failingSince } = endpoint;
  if (disablesAt === undefined || disabled !== undefined) return null;
  const end = Date.parse(disablesAt);
  const since = failingSince === undefined ? undefined : Date.parse(failingSince);
  const all = disableAfterMs ?? (since === undefined ? undefined : end - since);
  const left = Math.max(0, end - Date.now());
  return (
    <div className="notice">
      <p>
        {T.willDisable(span(left))} <Moment at={disablesAt} />
      </p>
      {all === undefined ? null : <progress aria-label={T.willDisableLabel} max={all} value={Math.max(0, all - left)} />}
    </div>
  );
}

export function HowItDoes({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const latest = useQuery(latestQuery(endpoint.id));
  return (
    <dl className="facts">
      <Fact name={T.state}>
        <EndpointState endpoint={endpoint} /> {endpoint.disabledAt === undefined ? null : <When at={endpoint.disabledAt} />}
      </Fact>
      <Fact name={T.breaker}>
        <Breaker endpoint={endpoint} />
      </Fact>
      <Fact name={T.success}>{latest.data === undefined ? null : successOf(latest.data)}</Fact>
      <Fact name={T.pending}>{endpoint.pending.toLocaleString()}</Fact>
      <Fact name={T.lag}>{endpoint.lag.toLocaleString()}</Fact>
      {endpoint.oldest === undefined ? null : (
        <Fact name={T.oldest}>
          <When at={endpoint.oldest} />
        </Fact>
      )}
    </dl>
  );
}

const kept = (ms: number | null | undefined): string => (typeof ms === "number" ? span(ms) : T.asHub);

export function Settings({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { events, schedule, timeoutMs, inFlight, perSecond, created, signs, filter, transformation, keepDeliveredMs, keepDeadMs } = endpoint;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">{T.settings}</h2>
      <dl className="facts">
        <Fact name={T.events}>
          <code>{events.join(", ")}</code>
        </Fact>
        {schedule === undefined ? null : <Fact name={T.schedule}>{schedule.map(span).join(", ")}</Fact>}
        {timeoutMs === undefined ? null : <Fact name={T.timeout}>{timeoutMs.toLocaleString()}</Fact>}
        {inFlight === undefined ? null : <Fact name={T.inFlight}>{inFlight}</Fact>}
        {perSecond === undefined ? null : <Fact name={T.perSecond}>{perSecond}</Fact>}
        {created === undefined ? null : (
          <Fact name={T.made}>
            <Moment at={created} />
          </Fact>
        )}
        {signs === undefined ? null : (
          <Fact name={T.signs}>
            <ul className="plain-list">
              {signs.map(({ kind, since, until }, at) => (
                <li key={at}>
                  {T.signKinds[kind]} {since === undefined ? null : <>{T.since} <Moment at={since} /></>} {until === undefined ? null : <>{T.until} <Moment at={until} /></>}
                </li>
              ))}
            </ul>
          </Fact>
        )}
        {typeof keepDeliveredMs === "number" || typeof keepDeadMs === "number" ? <Fact name={T.keeps}>{T.keepsFor(kept(keepDeliveredMs), kept(keepDeadMs))}</Fact> : null}
        {filter === undefined || filter === null ? null : (
          <Fact name={T.filter}>
            <Value value={filter} />
          </Fact>
        )}
        {transformation === undefined || transformation === null ? null : (
          <Fact name={T.transformation}>
            <Value value={transformation} />
          </Fact>
        )}
      </dl>
    </section>
  );
}
