/** Which events an endpoint is sent, and what of them: expressions, tried on an event before they are settled. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactElement, useRef } from "react";
import type { Endpoint } from "../../hub/shapes";
import { Field } from "../../parts/form";
import { Problem } from "../../parts/problem";
import { Value } from "../../parts/value";
import { ENDPOINTS, EXPRESSIONS as T } from "../../texts/endpoints";
import { type Expressions, latestQuery, tryExpressions } from "./asked";

export function ExpressionFields({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const latest = useQuery(latestQuery(endpoint.id));
  const place = useRef<HTMLDivElement>(null);
  const event = latest.data?.[0];
  const trying = useMutation({
    mutationFn: ({ sequence, expressions }: { readonly sequence: number; readonly expressions: Expressions }) => tryExpressions(endpoint.id, sequence, expressions),
    // Values of a record: not kept once nobody looks at them.
    gcTime: 0,
  });
  const tryThem = (sequence: number): void => {
    const text = (name: string): string => place.current?.querySelector<HTMLTextAreaElement>(`[name=${name}]`)?.value.trim() ?? "";
    trying.mutate({ sequence, expressions: { filter: text("filter"), transformation: text("transformation") } });
  };
  return (
    <div ref={place} className="form">
      <Field name="filter" label={ENDPOINTS.filter} help={T.filterHelp} lines={2} value={endpoint.filter ?? ""} />
      <Field name="transformation" label={ENDPOINTS.transformation} help={T.help} lines={4} value={endpoint.transformation ?? ""} />
      {event === undefined ? (
        latest.isSuccess ? <p className="quiet">{T.noEvent}</p> : null
      ) : (
        <div>
          <button type="button" disabled={trying.isPending} onClick={() => tryThem(event.sequence)}>
            {T.try(event.type, event.sequence)}
          </button>
        </div>
      )}
      {trying.isError ? <Problem error={trying.error} /> : null}
      {trying.data === undefined ? null : (
        <div role="status">
          <p>{trying.data.chosen ? T.would : T.leftOut}</p>
          {trying.data.chosen ? <Value value={trying.data.data} /> : null}
        </div>
      )}
    </div>
  );
}
