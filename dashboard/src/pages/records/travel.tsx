/** One record through time: what it went through, and how it was right after each change. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactElement, SubmitEvent } from "react";
import { HubError } from "../../hub/ask";
import { useSession } from "../../hub/session";
import type { PastChange } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { ChangedFields } from "../../parts/changes";
import { Fields, FieldsBeside } from "../../parts/fields";
import { PagedList } from "../../parts/paged";
import { Problem } from "../../parts/problem";
import { Moment, When } from "../../parts/when";
import { CONFLICTS, DESK } from "../../texts/conflicts";
import { RECORDS as T } from "../../texts/records";
import { TEXTS } from "../../texts/texts";
import { Proof } from "../audit/proof";
import { historyQuery, recordQuery } from "./asked";

const route = getRouteApi("/records");

interface Facts {
  readonly entity: string;
  readonly id: string;
  readonly at: string | undefined;
}

export function Travel({ entity, id, at }: Facts): ReactElement {
  const now = useQuery(recordQuery(entity, id, undefined));
  const then = useQuery({ ...recordQuery(entity, id, at), enabled: at !== undefined });
  const history = useInfiniteQuery(historyQuery(entity, id));
  const state = useSession();
  const wasThere = !(then.error instanceof HubError && then.error.status === 404);
  const isGone = now.error instanceof HubError && now.error.status === 404;
  // What nobody knows of was not deleted: its name may be written wrongly.
  const isKnown = history.data?.pages.some(({ changes }) => changes.length > 0);
  return (
    <>
      <p>
        <Link to="/records" search={{ entity }}>
          {T.back}
        </Link>
      </p>
      <section aria-labelledby="record">
        <h2 id="record">
          {entity} {id}{" "}
          {at === undefined ? (
            isGone ? null : <Badge tone="busy">{T.now}</Badge>
          ) : (
            <Badge tone="warn">
              {T.at} <Moment at={at} />
            </Badge>
          )}
        </h2>
        {now.data?.conflicts?.map((conflict) => (
          <p key={conflict.id} className="notice">
            <Link to="/conflicts/$conflict" params={{ conflict: conflict.id }}>
              {T.conflicts(1)}: <code>{conflict.path === "" ? CONFLICTS.wholeRecord : conflict.path}</code>
            </Link>
          </p>
        ))}
        {now.isError && !isGone ? <Problem error={now.error} /> : null}
        {isGone && isKnown !== undefined ? <p className="notice">{isKnown ? DESK.recordGone : T.unknown}</p> : null}
        {at === undefined && now.data?.record ? <Fields record={now.data.record} /> : null}
        {at !== undefined && then.isError ? wasThere ? <Problem error={then.error} /> : <p className="notice">{T.gone}</p> : null}
        {at !== undefined && then.data !== undefined ? (
          then.data.record ? <FieldsBeside before={then.data.record} after={now.data?.record ?? null} names={[T.at, T.now]} /> : <p className="notice">{T.gone}</p>
        ) : null}
      </section>
      <section aria-labelledby="travel">
        <h2 id="travel">{T.travel}</h2>
        <p className="quiet">{T.travelHelp}</p>
        <ToTime />
        <PagedList query={history} of={({ changes }) => changes} empty={<p className="quiet">{TEXTS.changes.none}</p>} more={T.earlier}>
          {(changes) => <Steps changes={changes} at={at} />}
        </PagedList>
      </section>
      {state.is === "in" && state.session.role === "admin" ? <Proof entity={entity} id={id} /> : null}
    </>
  );
}

/** Any time, not only right after a change. */
function ToTime(): ReactElement {
  const navigate = route.useNavigate();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const time = String(new FormData(event.currentTarget).get("at"));
    void navigate({ search: ({ at: _, ...rest }) => (time === "" ? rest : { ...rest, at: new Date(time).toISOString() }), resetScroll: false });
  };
  return (
    <form className="filters" onSubmit={submit}>
      <label>
        {TEXTS.zone(T.toTime)}
        <input name="at" type="datetime-local" step={1} />
      </label>
      <button type="submit">{TEXTS.show}</button>
    </form>
  );
}

function Steps({ changes, at }: { readonly changes: readonly PastChange[]; readonly at: string | undefined }): ReactElement {
  const { entity, id } = route.useSearch();
  return (
    <ol className="changes">
      {changes.map((change, index) => {
        const isHere = index === 0 ? at === undefined || at === change.at : at === change.at;
        return (
          <li key={change.position}>
            <p>
              <Link to="/records" search={{ entity, id, ...(index > 0 && { at: change.at }) }} resetScroll={false} data-row aria-current={isHere ? "step" : undefined}>
                <Moment at={change.at} />
              </Link>{" "}
              <When at={change.at} /> <strong>{change.by}</strong> <span className="quiet">{T.position(change.position)}</span>{" "}
              {isHere ? <Badge tone="busy">{index === 0 ? T.newest : T.at}</Badge> : null}
            </p>
            <ChangedFields change={change} />
          </li>
        );
      })}
    </ol>
  );
}
