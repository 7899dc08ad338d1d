/** What is too bad now: since when, how bad, and who was told. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { askHub } from "../../hub/session";
import type { Alert, Alerts as Found } from "../../hub/shapes";
import { Badge, type Tone } from "../../parts/badge";
import { When } from "../../parts/when";
import { ALERTS as T } from "../../texts/alerts";
import { Lines } from "./lines";

/** How often it is asked again, in milliseconds: the hub looks about that often. */
const EVERY_MS = 10_000;

const KINDS: Readonly<Record<string, string>> = T.kind;

/** How many looks may be missing before that is said: one that takes longer is none. */
const MISSING_MAX = 3;

const alertsQuery = queryOptions({ queryKey: ["alerts"], queryFn: ({ signal }) => askHub<Found>("/v1/alerts", { signal }), refetchInterval: EVERY_MS });

export function Alerts(): ReactElement {
  const query = useQuery({ ...alertsQuery, select: ({ alerts }) => alerts });
  const look = useQuery({ ...alertsQuery, select: lookOf }).data;
  return (
    <Lines title={T.title} query={query} none={look === "never" ? T.notLooked : look === "late" ? T.lookedLate : T.none} keyOf={({ alert }) => alert}>
      {(alert) => <One alert={alert} />}
    </Lines>
  );
}

/** Returns how it stands with the looks: where there is none nothing is known, and that nothing is told says nothing. */
export function lookOf({ at, lookedAt, everySeconds }: Pick<Found, "at" | "lookedAt" | "everySeconds">): "never" | "late" | "known" {
  if (lookedAt === null) return "never";
  // A hub of before tells no time, and looks.
  if (lookedAt === undefined) return "known";
  return Date.parse(at) - Date.parse(lookedAt) > MISSING_MAX * everySeconds * 1_000 ? "late" : "known";
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
