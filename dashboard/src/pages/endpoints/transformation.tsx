/** What an endpoint is sent of an event: an expression, tried on an event before it is settled. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactElement, useRef } from "react";
import type { Endpoint } from "../../hub/shapes";
import { Field } from "../../parts/form";
import { Problem } from "../../parts/problem";
import { Value } from "../../parts/value";
import { ENDPOINTS, TRANSFORMATION as T } from "../../texts/endpoints";
import { latestQuery, tryTransformation } from "./asked";

export function Transformation({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const latest = useQuery(latestQuery(endpoint.id));
  const place = useRef<HTMLDivElement>(null);
  const event = latest.data?.[0];
  const trying = useMutation({
    mutationFn: ({ sequence, text }: { readonly sequence: number; readonly text: string }) => tryTransformation(endpoint.id, sequence, text),
    // Values of a record: not kept once nobody looks at them.
    gcTime: 0,
  });
  const tryIt = (): void => {
    const text = place.current?.querySelector<HTMLTextAreaElement>("textarea")?.value.trim() ?? "";
    if (event !== undefined) trying.mutate({ sequence: event.sequence, text });
  };
  return (
    <div ref={place} className="form">
      <Field name="transformation" label={ENDPOINTS.transformation} help={T.help} lines={4} value={endpoint.transformation ?? ""} />
      {event === undefined ? (
        latest.isSuccess ? <p className="quiet">{T.noEvent}</p> : null
      ) : (
        <div>
          <button type="button" disabled={trying.isPending} onClick={tryIt}>
            {T.try(event.type, event.sequence)}
          </button>
        </div>
      )}
      {trying.isError ? <Problem error={trying.error} /> : null}
      {trying.data === undefined ? null : (
        <div role="status">
          <p>{T.would}</p>
          <Value value={trying.data.data} />
        </div>
      )}
    </div>
  );
}
