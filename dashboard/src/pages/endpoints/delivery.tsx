/** One delivery: every attempt, what was answered; and another try. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { announce } from "../../frame/announce";
import type { Attempt, Delivery } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Loaded } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Value } from "../../parts/value";
import { Moment, When } from "../../parts/when";
import { TEXTS } from "../../texts";
import { dataQuery, retry } from "./asked";

const T = TEXTS.deliveries;

export function OneDelivery({ endpoint, delivery }: { readonly endpoint: string; readonly delivery: Delivery }): ReactElement {
  const { sequence, attempts, event, state, nextAt } = delivery;
  const queries = useQueryClient();
  const trying = useMutation({
    mutationFn: () => retry(endpoint, sequence),
    onSuccess: async () => {
      announce(T.retried);
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  return (
    <div>
      <p className="quiet">
        {T.id} <code>{event}</code>
      </p>
      <h2>{T.attempts}</h2>
      {attempts.length === 0 ? <p className="quiet">{T.noAttempts}</p> : null}
      <ol className="attempts">
        {attempts.map((attempt, at) => (
          <li key={`${attempt.at} ${at}`}>
            <OneAttempt attempt={attempt} at={at + 1} />
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
      {trying.isError ? <Problem error={trying.error} /> : null}
      <Data endpoint={endpoint} sequence={sequence} />
    </div>
  );
}

function OneAttempt({ attempt, at }: { readonly attempt: Attempt; readonly at: number }): ReactElement {
  const { status, reason, durationMs, answer } = attempt;
  const isDelivered = attempt.result === "delivered" || (status !== undefined && status >= 200 && status < 300);
  return (
    <>
      <p>
        {T.attempt(at)} <When at={attempt.at} />{" "}
        <Badge tone={isDelivered ? "good" : "bad"}>{status === undefined ? T.failed(reason ?? "?", durationMs) : T.answered(status, durationMs)}</Badge>
      </p>
      {answer === undefined ? (
        <p className="quiet">{T.noAnswer}</p>
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
