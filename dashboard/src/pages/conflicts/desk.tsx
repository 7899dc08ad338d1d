/** One conflict: all sides, what each decision would make of the record, and the decision. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useEffect, useRef, useState } from "react";
import { announce } from "../../frame/announce";
import { useKeys } from "../../frame/keys";
import type { Choice, Conflict, Offer } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Changes } from "../../parts/changes";
import { Loaded, LoadedPage, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { When } from "../../parts/when";
import { CONFLICTS, DESK as T } from "../../texts/conflicts";
import { conflictQuery, conflictsQuery, historyQuery, offersQuery, recordQuery, resolve, similarQuery, skip, TOGETHER_MAX } from "./asked";
import { Preview } from "./preview";
import { Sides } from "./sides";
import { Together } from "./together";
import { fieldOf, isSame, said } from "./words";
import { OwnValue } from "./own-value";

const route = getRouteApi("/conflicts/$conflict");

/** What is chosen, and not yet done. */
export type Chosen = { readonly is: "skip" } | { readonly is: "edit" } | { readonly is: "offer"; readonly offer: Offer };

export function Desk(): ReactElement {
  const { conflict: id } = route.useParams();
  const query = useQuery(conflictQuery(id));
  return (
    <LoadedPage title={T.any} actions={<Link to="/conflicts">{T.toList}</Link>} query={query}>
      {(conflict) => <OneConflict key={id} conflict={conflict} />}
    </LoadedPage>
  );
}

function OneConflict({ conflict }: { readonly conflict: Conflict }): ReactElement {
  const { entity, id, approval, context } = conflict;
  const navigate = useNavigate();
  const history = useQuery(historyQuery(entity, id));
  useKeys([{ key: "b", says: T.keys.list, does: () => void navigate({ to: "/conflicts" }) }]);
  const facts: readonly (readonly [string, ReactElement | string])[] = [
    [T.field, <span key="field"><code>{fieldOf(conflict)}</code> {context?.field?.title}</span>],
    [T.kind, CONFLICTS.kinds[conflict.kind]],
    ...(context?.rule === undefined ? [] : [[T.rule, context.rule] as const]),
    [T.status, CONFLICTS.state[conflict.status]],
  ];
  return (
    <Page title={T.title(entity, id)} about={context?.field?.description} actions={<Link to="/conflicts">{T.toList}</Link>}>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {approval === undefined ? null : <p className="notice">{T.approval(approval.join(", "))}</p>}
      {conflict.skipped === undefined ? null : <p className="notice">{CONFLICTS.skipped(conflict.skipped.by)} <When at={conflict.skipped.atMs} /></p>}
      <Sides conflict={conflict} changes={history.data?.changes} />
      {conflict.status === "open" ? (
        <Deciding conflict={conflict} />
      ) : (
        <p className="notice">
          {T.over} {conflict.decision === undefined ? null : <>{T.decidedBy(conflict.decision.by)} <When at={conflict.decision.atMs} /></>}
        </p>
      )}
      <section aria-labelledby="history">
        <h2 id="history">{T.history}</h2>
        <Loaded query={history}>{({ changes }) => <Changes changes={changes} path={conflict.path} />}</Loaded>
        <p>
          <Link to="/records" search={{ entity, id }}>
            {T.allOf}
          </Link>
        </p>
      </section>
    </Page>
  );
}

function Deciding({ conflict }: { readonly conflict: Conflict }): ReactElement {
  const id = conflict.conflict;
  const offers = useQuery(offersQuery(id, true));
  const similar = useQuery(similarQuery(id, true));
  const record = useQuery(recordQuery(conflict.entity, conflict.id));
  const [chosen, setChosen] = useState<Chosen>();
  const [isTogether, setTogether] = useState(false);
  const confirm = useRef<HTMLButtonElement>(null);
  const queries = useQueryClient();
  const goOn = useGoOn(id);
  const decide = useMutation({
    mutationFn: (choice: Choice | "skip") => (choice === "skip" ? skip(id) : resolve(id, choice)),
    onSuccess: (_, choice) => goOn(choice === "skip" ? T.skippedNow : T.decided(said(choice))),
    // Somebody else may have decided meanwhile: what is shown is asked for again, and why it failed stays.
    onError: () => queries.invalidateQueries({ queryKey: ["conflicts"] }),
  });
  // Who has chosen by a key has seen what it would do, and decides with Enter.
  useEffect(() => {
    if (chosen !== undefined && chosen.is !== "edit") confirm.current?.focus();
  }, [chosen]);
  const choices = offers.data?.offers ?? [];
  const others = similar.data ?? [];
  const choose = (next: Chosen): void => {
    decide.reset();
    setChosen(next);
  };
  useKeys([
    ...choices.slice(0, 9).map((offer, at) => ({ key: String(at + 1), says: T.keys.take(said(offer.choice)), does: () => choose({ is: "offer", offer }) })),
    { key: "e", says: T.edit, does: () => choose({ is: "edit" }) },
    { key: "s", says: T.skip, does: () => choose({ is: "skip" }) },
    ...(others.length > 0 ? [{ key: "a", says: T.keys.similar, does: () => (chosen?.is === "offer" ? setTogether(true) : announce(T.chooseFirst)) }] : []),
  ]);
  const choice = chosen?.is === "offer" ? chosen.offer.choice : undefined;
  return (
    <section aria-labelledby="decide" className="deciding">
      <h2 id="decide">{T.decide}</h2>
      {offers.isError ? <Problem error={offers.error} retry={() => void offers.refetch()} /> : null}
      <div role="group" aria-label={T.choices} className="choices">
        {choices.map((offer, at) => (
          <button key={said(offer.choice)} type="button" aria-pressed={isSame(choice, offer.choice)} onClick={() => choose({ is: "offer", offer })}>
            <kbd>{at + 1}</kbd> {said(offer.choice)}
          </button>
        ))}
        {conflict.kind === "deletion" ? null : (
          <button type="button" aria-pressed={chosen?.is === "edit"} onClick={() => choose({ is: "edit" })}>
            <kbd>e</kbd> {T.edit}
          </button>
        )}
        <button type="button" aria-pressed={chosen?.is === "skip"} onClick={() => choose({ is: "skip" })}>
          <kbd>s</kbd> {T.skip}
        </button>
      </div>
      {chosen?.is === "edit" ? <OwnValue conflict={conflict} onForeseen={(offer) => choose({ is: "offer", offer })} /> : null}
      <Preview chosen={chosen} record={record.data?.record} />
      {decide.isError ? <Problem error={decide.error} /> : null}
      <div className="actions">
        {chosen === undefined || chosen.is === "edit" ? null : (
          <button ref={confirm} type="button" className="primary" disabled={decide.isPending} onClick={() => decide.mutate(choice ?? "skip")}>
            {choice === undefined ? T.confirmSkip : T.confirm(said(choice))}
          </button>
        )}
        {choice !== undefined && others.length > 0 ? (
          <button type="button" onClick={() => setTogether(true)}>
            {T.similarAll(others.length + 1)}
          </button>
        ) : null}
      </div>
      {similar.isSuccess ? (
        <p className="quiet">
          {T.similar(others.length)} {others.length > 0 && choice === undefined ? T.similarHow : null} {others.length >= TOGETHER_MAX - 1 ? T.similarMost : null}
        </p>
      ) : null}
      {isTogether && choice !== undefined ? (
        <Together
          conflicts={[conflict, ...others]}
          choice={choice}
          onClose={(isDone) => {
            setTogether(false);
            if (isDone) goOn(undefined);
          }}
        />
      ) : null}
      {conflict.approval === undefined ? null : <Badge tone="warn">{CONFLICTS.needs(conflict.approval.join(", "))}</Badge>}
    </section>
  );
}

/** Returns what says that something was done, and goes on to the next conflict of the list that was shown before. */
function useGoOn(id: string): (text: string | undefined) => void {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return (text) => {
    if (text !== undefined) announce(text);
    const listed = queries.getQueryData(conflictsQuery("waiting", undefined).queryKey)?.pages.flatMap(({ conflicts }) => conflicts.map(({ conflict }) => conflict)) ?? [];
    const next = listed[listed.indexOf(id) + 1];
    void queries.invalidateQueries({ queryKey: ["conflicts"] });
    void queries.invalidateQueries({ queryKey: ["records"] });
    if (next === undefined || text === undefined) void navigate({ to: "/conflicts" });
    else void navigate({ to: "/conflicts/$conflict", params: { conflict: next } });
  };
}
