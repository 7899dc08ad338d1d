/** Deliveries sent again: which, how many, and then how far it is. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useId, useState } from "react";
import { announce } from "../../frame/announce";
import type { Replay, ReplayCount } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Loaded, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Moment, When } from "../../parts/when";
import { TEXTS } from "../../texts";
import { beginReplay, countReplay, replaysQuery, type Selection, stopReplay } from "./asked";

const route = getRouteApi("/endpoints/$endpoint/replay");
const T = TEXTS.replay;
const TONES = { running: "busy", done: "good", stopped: "quiet" } as const;

/** Returns what a form chooses; `undefined` where it chooses nothing. */
export function selectionOf(endpoint: string, form: FormData): Selection | undefined {
  const status = form.getAll("status").map(String);
  if (status.length === 0) return undefined;
  const types = String(form.get("types") ?? "").split(/[\s,]+/).filter((type) => type !== "");
  const times = (["from", "to"] as const).flatMap((name) => {
    const time = String(form.get(name) ?? "");
    return time === "" ? [] : [[name, new Date(time).toISOString()] as const];
  });
  return { endpoints: [endpoint], status, ...(types.length > 0 && { types }), ...Object.fromEntries(times) };
}

export function ReplayPage(): ReactElement {
  const { endpoint } = route.useParams();
  const [fault, setFault] = useState<string>();
  const queries = useQueryClient();
  const counting = useMutation({ mutationFn: async (selection: Selection) => ({ selection, count: await countReplay(selection) }) });
  const sending = useMutation({
    mutationFn: beginReplay,
    onSuccess: async () => {
      announce(T.begun);
      counting.reset();
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const selection = selectionOf(endpoint, new FormData(event.currentTarget));
    setFault(selection === undefined ? T.noStatus : undefined);
    sending.reset();
    if (selection !== undefined) counting.mutate(selection);
  };
  return (
    <Page
      title={T.title(endpoint)}
      about={T.about}
      actions={
        <Link to="/endpoints/$endpoint" params={{ endpoint }}>
          {TEXTS.back}
        </Link>
      }
    >
      <Which submit={submit} changed={() => counting.reset()} fault={fault} isPending={counting.isPending} />
      {counting.isError ? <Problem error={counting.error} /> : null}
      {counting.data === undefined ? null : (
        <div role="status" className="card">
          <Counted count={counting.data.count} />
          {counting.data.count.count === 0 ? null : (
            <button type="button" className="primary" disabled={sending.isPending} onClick={() => sending.mutate(counting.data.selection)}>
              {T.send(counting.data.count.count)}
            </button>
          )}
        </div>
      )}
      {sending.isError ? <Problem error={sending.error} /> : null}
      <section aria-labelledby="replays">
        <h2 id="replays">{T.running}</h2>
        <Loaded query={useQuery(replaysQuery(endpoint))}>{(replays) => (replays.length === 0 ? <p className="quiet">{T.none}</p> : <Table replays={replays} />)}</Loaded>
      </section>
    </Page>
  );
}

interface WhichFacts {
  readonly submit: (event: SubmitEvent<HTMLFormElement>) => void;
  readonly changed: () => void;
  readonly fault: string | undefined;
  readonly isPending: boolean;
}

function Which({ submit, changed, fault, isPending }: WhichFacts): ReactElement {
  const help = useId();
  return (
    // What was counted is what is sent: a change begins anew.
    <form className="form" onSubmit={submit} onChange={changed}>
      <fieldset>
        <legend>{T.which}</legend>
        {Object.entries(T.statuses).map(([status, name]) => (
          <label key={status} className="check">
            <input type="checkbox" name="status" value={status} defaultChecked={status === "dead"} />
            {name}
          </label>
        ))}
        {fault === undefined ? null : (
          <p role="alert" className="fault">
            {fault}
          </p>
        )}
      </fieldset>
      <label>
        {T.types}
        <input name="types" spellCheck={false} autoComplete="off" aria-describedby={help} />
      </label>
      <p id={help} className="quiet">
        {T.typesHelp}
      </p>
      <div className="filters">
        <label>
          {T.from}
          <input name="from" type="datetime-local" />
        </label>
        <label>
          {T.to}
          <input name="to" type="datetime-local" />
        </label>
        <button type="submit" disabled={isPending}>
          {T.count}
        </button>
      </div>
    </form>
  );
}

function Counted({ count }: { readonly count: ReplayCount }): ReactElement {
  return (
    <>
      <p>
        <strong>{T.counted(count.count)}</strong> {count.complete ? null : T.incomplete} {count.forgotten === 0 ? null : T.forgotten(count.forgotten)}
      </p>
      {count.count === 0 ? null : (
        <dl className="facts">
          {count.oldest === null ? null : (
            <div>
              <dt>{T.oldest}</dt>
              <dd>
                <Moment at={count.oldest} />
              </dd>
            </div>
          )}
          {count.newest === null ? null : (
            <div>
              <dt>{T.newest}</dt>
              <dd>
                <Moment at={count.newest} />
              </dd>
            </div>
          )}
          <div>
            <dt>{T.byType}</dt>
            <dd>
              {Object.entries(count.byType)
                .map(([type, number]) => `${type}: ${number}`)
                .join(", ")}
            </dd>
          </div>
        </dl>
      )}
    </>
  );
}

function Table({ replays }: { readonly replays: readonly Replay[] }): ReactElement {
  const queries = useQueryClient();
  const stopping = useMutation({
    mutationFn: stopReplay,
    onSuccess: async () => {
      announce(T.stopped);
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  return (
    <>
      {stopping.isError ? <Problem error={stopping.error} /> : null}
      <table className="list">
        <thead>
          <tr>
            <th scope="col">{TEXTS.deliveries.when}</th>
            <th scope="col">{T.by}</th>
            <th scope="col">{TEXTS.deliveries.state}</th>
            <th scope="col">{TEXTS.endpoints.success}</th>
            <th scope="col">
              <span className="unseen">{T.stop}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {replays.map(({ id, created, by, state, taken, counted, passed }) => (
            <tr key={id}>
              <td data-label={TEXTS.deliveries.when}>
                <When at={created} />
              </td>
              <td data-label={T.by}>{by}</td>
              <td data-label={TEXTS.deliveries.state}>
                <Badge tone={TONES[state]}>{T.states[state]}</Badge>
              </td>
              <td data-label={TEXTS.endpoints.success} className="number">
                {T.taken(taken, counted)} {passed === 0 ? null : <span className="quiet">{T.left(passed)}</span>}
              </td>
              <td>
                {state === "running" ? (
                  <button type="button" disabled={stopping.isPending} onClick={() => stopping.mutate(id)}>
                    {T.stop}
                  </button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
