/** What happened to deliveries that somebody should know of, the latest first. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { askHub, useSession } from "../../hub/session";
import type { Notice } from "../../hub/shapes";
import { Badge, type Tone } from "../../parts/badge";
import { When } from "../../parts/when";
import { OVERVIEW as T } from "../../texts/overview";
import { Lines } from "./lines";

/** How many are looked at, and how many lines are shown: what is new, not the history, which the audit has. */
const [ASKED, SHOWN] = [200, 10];
/** How often it is asked again, in milliseconds. */
const EVERY_MS = 10_000;

const SAID: Readonly<Record<string, string>> = T.notice;
const TONES: Readonly<Record<string, Tone>> = { breaker_closed: "good", breaker_half_open: "busy", breaker_open: "warn", endpoint_will_be_disabled: "warn" };

const noticesQuery = queryOptions({
  queryKey: ["notices"],
  queryFn: async ({ signal }) => (await askHub<{ readonly notices: readonly Notice[] }>(`/v1/notices?limit=${ASKED}`, { signal })).notices,
  select: linesOf,
  refetchInterval: EVERY_MS,
});

/** Returns the latest lines, each kind of each endpoint once, with how often it was noticed. */
export function linesOf(notices: readonly Notice[]): readonly Notice[] {
  const lines = new Map<string, Notice>();
  for (const notice of notices) {
    const key = `${notice.kind} ${notice.endpoint ?? ""}`;
    const latest = lines.get(key) ?? { ...notice, count: 0 };
    lines.set(key, { ...latest, count: latest.count + notice.count });
  }
  return [...lines.values()].slice(0, SHOWN);
}

export function Notices(): ReactElement {
  return (
    <Lines title={T.notices} query={useQuery(noticesQuery)} none={T.noticesNone} keyOf={({ number }) => number}>
      {(notice) => <One notice={notice} />}
    </Lines>
  );
}

function One({ notice: { kind, endpoint, at, count } }: { readonly notice: Notice }): ReactElement {
  const state = useSession();
  // An operator is told of endpoints, and may not look into them.
  const mayLook = state.is === "in" && state.session.role === "admin";
  return (
    <p>
      {endpoint === undefined ? null : mayLook ? (
        <Link to="/endpoints/$endpoint" params={{ endpoint }} data-row>
          {endpoint}
        </Link>
      ) : (
        <strong>{endpoint}</strong>
      )}{" "}
      <Badge tone={TONES[kind] ?? "bad"}>{SAID[kind] ?? kind}</Badge> {count > 1 ? <span className="number">{T.noticeTimes(count)}</span> : null}{" "}
      <span className="quiet">
        <When at={at} />
      </span>
    </p>
  );
}
