/** One delivery: every attempt, what was answered; how it is sent; and another try. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { announce } from "../../frame/announce";
import type { Attempt, Delivery, DeliveryRequest } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Loaded } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Value } from "../../parts/value";
import { Moment, When } from "../../parts/when";
import { DELIVERIES as T, ENDPOINTS } from "../../texts/endpoints";
import { dataQuery, deliveryQuery, KEY, requestQuery, retry } from "./asked";
import { Reason } from "./reason";

export function OneDelivery({ endpoint, sequence }: { readonly endpoint: string; readonly sequence: string }): ReactElement {
  return <Loaded query={useQuery(deliveryQuery(endpoint, sequence))}>{(delivery) => <Shown endpoint={endpoint} delivery={delivery} />}</Loaded>;
}

function Shown({ endpoint, delivery }: { readonly endpoint: string; readonly delivery: Delivery }): ReactElement {
  const { sequence, attempts, event, state, nextAt, resourceType, resourceId, request, tries = 0 } = delivery;
  const queries = useQueryClient();
  const trying = useMutation({
    mutationFn: () => retry(endpoint, sequence),
    onSuccess: async () => {
      announce(T.retried);
      await queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <div>
      <p className="quiet">
        {T.id} <code>{event}</code>{" "}
        {resourceType === undefined || resourceId === undefined ? null : (
          <Link to="/records" search={{ entity: resourceType, id: resourceId }}>
            {T.toRecord(resourceType, resourceId)}
          </Link>
        )}
      </p>
      <h2>{T.attempts}</h2>
      {attempts.length === 0 ? <p className="quiet">{T.noAttempts}</p> : null}
      {tries > attempts.length ? <p className="quiet">{T.latestOnly(attempts.length, tries)}</p> : null}
      <ol className="attempts">
        {attempts.map((attempt, at) => (
          <li key={`${attempt.at} ${at}`}>
            <OneAttempt attempt={attempt} at={Math.max(0, tries - attempts.length) + at + 1} />
          </li>
        ))}
        {nextAt === undefined ? null : (
          <li>
            {T.next} <Moment at={nextAt} />
          </li>
        )}
      </ol>
      {state === "retrying" || state === "waiting" || state === "parked" ? (
        <button type="button" disabled={trying.isPending} onClick={() => trying.mutate()}>
          {T.retry}
        </button>
      ) : null}
      {state === "dead" || state === "delivered" || state === "cancelled" ? (
        <p>
          {T.final}{" "}
          <Link to="/endpoints/$endpoint/replay" params={{ endpoint }}>
            {ENDPOINTS.replay}
          </Link>
        </p>
      ) : null}
      {trying.isError ? <Problem error={trying.error} /> : null}
      {request === undefined ? null : <Request endpoint={endpoint} sequence={sequence} />}
      <Data endpoint={endpoint} sequence={sequence} />
    </div>
  );
}

/** What is sent of it: asked for only when somebody wants to see it. */
function Request({ endpoint, sequence }: { readonly endpoint: string; readonly sequence: number }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const query = useQuery({ ...requestQuery(endpoint, sequence), enabled: isOpen });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{T.showRequest}</summary>
      <p className="quiet">{T.request}</p>
      {isOpen ? <Loaded query={query}>{(request) => (request === null ? <p>{T.requestNone}</p> : <RequestText request={request} />)}</Loaded> : null}
    </details>
  );
}

function RequestText({ request }: { readonly request: DeliveryRequest }): ReactElement {
  const { body, bodyBytes, reason, why } = request;
  const shown = body === undefined ? 0 : new TextEncoder().encode(body).length;
  return (
    <>
      {reason === undefined ? null : (
        <div className="problem">
          <p>
            {T.requestCannot} {why}
          </p>
          <Reason reason={reason} />
        </div>
      )}
      <Value value={headOf(request)} label={T.requestHead} />
      {body === undefined || body === "" ? null : <Value value={body} label={T.requestBody} />}
      {bodyBytes !== undefined && body !== undefined && shown < bodyBytes ? <p className="quiet">{T.bodyCut(shown, bodyBytes)}</p> : null}
    </>
  );
}

/** Returns what stands before the body of a request, as HTTP writes it. */
export function headOf({ method, url, headers = {} }: DeliveryRequest): string {
  return [`${method} ${url}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join("\n");
}

function OneAttempt({ attempt, at }: { readonly attempt: Attempt; readonly at: number }): ReactElement {
  const { status, reason, durationMs, answer, result } = attempt;
  const isDelivered = result === "delivered";
  return (
    <>
      <p>
        {T.attempt(at)} <Moment at={attempt.at} /> <span className="quiet"><When at={attempt.at} /></span>{" "}
        <Badge tone={isDelivered ? "good" : result === "unknown" ? "busy" : "bad"}>{status === undefined ? T.failed(durationMs) : T.answered(status, durationMs)}</Badge>
      </p>
      {reason === undefined || isDelivered ? null : <Reason reason={reason} />}
      {answer === undefined ? (
        // Who was not reached has not answered: that stands there already.
        status === undefined ? null : <p className="quiet">{T.noAnswer}</p>
      ) : (
        <details>
          <summary>{T.answer}</summary>
          <Value value={answer} />
        </details>
      )}
    </>
  );
}

/** The values of the event: asked for only when somebody wants to see them. */
function Data({ endpoint, sequence }: { readonly endpoint: string; readonly sequence: number }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const query = useQuery({ ...dataQuery(endpoint, sequence), enabled: isOpen });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{T.showData}</summary>
      <p className="quiet">{T.dataAbout}</p>
      {isOpen ? <Loaded query={query}>{({ data }) => <Value value={data} />}</Loaded> : null}
    </details>
  );
}
