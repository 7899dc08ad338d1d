/** What is too bad now: since when, how bad, and who was told. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { askHub } from "../../hub/session";
import type { Alert } from "../../hub/shapes";
import { Badge, type Tone } from "../../parts/badge";
import { When } from "../../parts/when";
import { ALERTS as T } from "../../texts/alerts";
import { Lines } from "./lines";

/** How often it is asked again, in milliseconds: the hub looks about that often. */
const EVERY_MS = 10_000;

const KINDS: Readonly<Record<string, string>> = T.kind;

const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: async ({ signal }) => (await askHub<{ readonly alerts: readonly Alert[] }>("/v1/alerts", { signal })).alerts,
  refetchInterval: EVERY_MS,
});

export function Alerts(): ReactElement {
  return (
    <Lines title={T.title} query={useQuery(alertsQuery)} none={T.none} keyOf={({ alert }) => alert}>
      {(alert) => <One alert={alert} />}
    </Lines>
  );
}

/** Returns who is told of one, and how that went. */
export function toldOf({ state, told }: Pick<Alert, "state" | "told">): string {
  if (state === "pending") return T.pending;
  return told.length === 0 ? T.nobody : told.map(({ receiver, result }) => T[result](receiver)).join(", ");
}

function One({ alert }: { readonly alert: Alert }): ReactElement {
  const tone: Tone = alert.state === "pending" ? "busy" : alert.severity === "critical" ? "bad" : "warn";
  return (
    <>
      <p>
        <Badge tone={tone}>{KINDS[alert.alert] ?? alert.alert}</Badge> {alert.summary}{" "}
        <span className="quiet">
          <When at={alert.since} />
        </span>
      </p>
      <p className="quiet small">
        {toldOf(alert)} {alert.current ? null : T.notCurrent}
      </p>
    </>
  );
}
