/** Deliveries sent again: which, how many, and then how far it is. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useState } from "react";
import { announce } from "../../frame/announce";
import type { Replay, ReplayCount } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Fact } from "../../parts/facts";
import { Field } from "../../parts/form";
import { Loaded, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { type Column, Table } from "../../parts/table";
import { Moment, When } from "../../parts/when";
import { DELIVERIES, ENDPOINTS, REPLAY as T } from "../../texts/endpoints";
import { TEXTS } from "../../texts/texts";
import { beginReplay, countReplay, replaysQuery, type Selection, stopReplay } from "./asked";

const route = getRouteApi("/endpoints/$endpoint/replay");
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
        <Loaded query={useQuery(replaysQuery(endpoint))}>{(replays) => (replays.length === 0 ? <p className="quiet">{T.none}</p> : <Replays replays={replays} />)}</Loaded>
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
      <Field name="types" label={T.types} help={T.typesHelp} />
      <div className="filters">
        <label>
          {TEXTS.zone(T.from)}
          <input name="from" type="datetime-local" />
        </label>
        <label>
          {TEXTS.zone(T.to)}
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
        <strong>{T.counted(count.count)}</strong> {count.complete ? null : T.incomplete} {count.forgotten === 0 ? null : T.forgotten(count.forgotten)}{" "}
        {count.notKept === 0 ? null : T.notKept(count.notKept)}
      </p>
      {count.count === 0 ? null : (
        <dl className="facts">
          {count.oldest === null ? null : (
            <Fact name={T.oldest}>
              <Moment at={count.oldest} />
            </Fact>
          )}
          {count.newest === null ? null : (
            <Fact name={T.newest}>
              <Moment at={count.newest} />
            </Fact>
          )}
          <Fact name={T.byType}>
            {Object.entries(count.byType)
              .map(([type, number]) => `${type}: ${number.toLocaleString()}`)
              .join(", ")}
          </Fact>
        </dl>
      )}
    </>
  );
}

function Replays({ replays }: { readonly replays: readonly Replay[] }): ReactElement {
  const queries = useQueryClient();
  const stopping = useMutation({
    mutationFn: stopReplay,
    onSuccess: async () => {
      announce(T.stopped);
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  const columns: readonly Column<Replay>[] = [
    { name: DELIVERIES.when, cell: ({ created }) => <When at={created} /> },
    { name: T.by, cell: ({ by }) => by },
    { name: DELIVERIES.state, cell: ({ state }) => <Badge tone={TONES[state]}>{T.states[state]}</Badge> },
    {
      name: ENDPOINTS.success,
      isNumber: true,
      cell: ({ taken, counted, passed }) => (
        <>
          {T.taken(taken, counted)} {passed === 0 ? null : <span className="quiet">{T.left(passed)}</span>}
        </>
      ),
    },
    {
      name: T.stop,
      isUnseen: true,
      cell: ({ id, state }) =>
        state === "running" ? (
          <button type="button" disabled={stopping.isPending} onClick={() => stopping.mutate(id)}>
            {T.stop}
          </button>
        ) : null,
    },
  ];
  return (
    <>
      {stopping.isError ? <Problem error={stopping.error} /> : null}
      <Table rows={replays} columns={columns} keyOf={({ id }) => id} areRowsStops />
    </>
  );
}
