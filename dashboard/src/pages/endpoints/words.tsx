/** How an endpoint does, in words. */

import type { ReactElement } from "react";
import type { Delivery, Endpoint } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { ENDPOINTS as T } from "../../texts/endpoints";

export function EndpointState({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { disabled, disablesAt } = endpoint;
  if (disabled !== undefined) return <Badge tone={disabled === "by_hand" ? "quiet" : "bad"}>{disabled === "failing" ? T.states.failed : T.states[disabled]}</Badge>;
  return disablesAt === undefined ? <Badge tone="good">{T.states.active}</Badge> : <Badge tone="warn">{T.states.failing}</Badge>;
}

export function Breaker({ endpoint, isShort = false }: { readonly endpoint: Endpoint; readonly isShort?: boolean }): ReactElement {
  const { breaker = "closed" } = endpoint;
  const tone = { closed: "quiet", half_open: "warn", open: "bad" } as const;
  return <Badge tone={tone[breaker]}>{isShort ? T.breakerShort[breaker] : T.breakers[breaker]}</Badge>;
}

/** Returns how many of the deliveries that are over, or fail, were delivered. */
export function successOf(deliveries: readonly Delivery[]): string {
  const tried = deliveries.filter(({ state }) => state === "delivered" || state === "dead" || state === "retrying");
  if (tried.length === 0) return T.successNone;
  const delivered = tried.filter(({ state }) => state === "delivered").length;
  // Rounded down: only all of them are 100 %.
  return T.successOf(`${Math.floor((delivered * 100) / tried.length)} %`, tried.length);
}
