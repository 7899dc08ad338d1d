/** The signature debugger: what a receiver got, and which secret it was signed with. */

import { useMutation } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactElement, type SubmitEvent, useId, useState } from "react";
import { askHub } from "../../hub/session";
import type { Scheme } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Moment } from "../../parts/when";
import { ENDPOINTS, VERIFY as T } from "../../texts/endpoints";
import { TEXTS } from "../../texts/texts";

const route = getRouteApi("/endpoints/$endpoint/verify");

interface Verdict {
  readonly verified: boolean;
  readonly schemes: readonly Scheme[];
}

/** Reads headers as people paste them; throws with the line that is none. */
export function headersOf(text: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").map((line) => line.trim());
  return Object.fromEntries(
    lines
      .filter((line) => line !== "")
      .map((line) => {
        const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+)\s*:\s*(.*)$/.exec(line) ?? [];
        if (name === undefined || value === undefined) throw new Error(T.headerBad(line));
        return [name.toLowerCase(), value];
      }),
  );
}

export function Verify(): ReactElement {
  const { endpoint } = route.useParams();
  const [fault, setFault] = useState<string>();
  const help = useId();
  const looking = useMutation({
    mutationFn: (body: { readonly headers: Readonly<Record<string, string>>; readonly body: string }) => askHub<Verdict>(`/v1/endpoints/${encodeURIComponent(endpoint)}/verify`, { method: "POST", body }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string): string => (form.elements.namedItem(name) as HTMLTextAreaElement).value;
    setFault(undefined);
    try {
      looking.mutate({ headers: headersOf(text("headers")), body: text("body") });
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
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
      <form className="form" onSubmit={submit}>
        <label>
          {T.headers}
          <textarea name="headers" rows={5} required spellCheck={false} aria-describedby={help} aria-invalid={fault !== undefined} />
        </label>
        <p id={help} className="quiet">
          {T.headersHelp}
        </p>
        <label>
          {T.body}
          <textarea name="body" rows={6} spellCheck={false} />
        </label>
        {fault === undefined ? null : (
          <p role="alert" className="fault">
            {fault}
          </p>
        )}
        {looking.isError ? <Problem error={looking.error} /> : null}
        <div>
          <button type="submit" className="primary" disabled={looking.isPending}>
            {T.do}
          </button>
        </div>
      </form>
      {looking.data === undefined ? null : <Said verdict={looking.data} />}
    </Page>
  );
}

function Said({ verdict }: { readonly verdict: Verdict }): ReactElement {
  return (
    <section role="status" aria-label={T.result}>
      <p className={verdict.verified ? "notice good" : "problem"}>{verdict.verified ? T.verified : T.refused}</p>
      {verdict.schemes.map((scheme) => (
        <article key={scheme.scheme} className="card">
          <h2>
            {scheme.scheme} <Badge tone={scheme.verified ? "good" : "bad"}>{scheme.verified ? T.good : T.wrong}</Badge>
          </h2>
          {scheme.secret === undefined ? null : (
            <p>
              {T.with} {scheme.secret.counts === false ? T.former : T.current}: {ENDPOINTS.signKinds[scheme.secret.kind]}{" "}
              {scheme.secret.since === undefined ? null : <>{ENDPOINTS.since} <Moment at={scheme.secret.since} /></>}{" "}
              {scheme.secret.until === undefined ? null : <>{ENDPOINTS.until} <Moment at={scheme.secret.until} /></>}
            </p>
          )}
          {scheme.text === undefined ? null : <p>{scheme.text}</p>}
          {scheme.code === undefined ? null : <p className="quiet"><code>{scheme.code}</code></p>}
          {scheme.hints === undefined || scheme.hints.length === 0 ? null : (
            <>
              <p>{T.hints}</p>
              <ul>
                {scheme.hints.map((hint) => (
                  <li key={hint}>{hint}</li>
                ))}
              </ul>
            </>
          )}
        </article>
      ))}
    </section>
  );
}
