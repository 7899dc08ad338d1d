/** What went wrong: the hub's code, its words, and what to do next. */

import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useState } from "react";
import { ask, HubError } from "../hub/ask";
import { TEXTS } from "../texts/texts";

/** An error, with a way to try again where that may help. */
export function Problem({ error, retry }: { readonly error: unknown; readonly retry?: () => void }): ReactElement {
  const known = error instanceof HubError ? error : undefined;
  return (
    <div role="alert" className="problem">
      <p className="problem-title">{known?.title ?? TEXTS.problem.unknown}</p>
      {known?.detail === undefined ? null : <p>{known.detail}</p>}
      {known === undefined ? <p>{error instanceof Error ? error.message : TEXTS.problem.unknown}</p> : null}
      {known?.code === undefined ? null : (
        <>
          <Advice code={known.code}>{TEXTS.problem.whatToDo}</Advice>
          <p className="quiet">
            <code>{known.code}</code>
            {known.request === undefined ? null : ` · ${TEXTS.problem.request(known.request)}`}
          </p>
        </>
      )}
      {retry === undefined ? null : (
        <button type="button" onClick={retry}>
          {TEXTS.problem.retry}
        </button>
      )}
    </div>
  );
}

/** What to do about a code, fetched when it is asked for; it opens under the code itself, or under what is said of it. */
export function Advice({ code, children }: { readonly code: string; readonly children?: ReactNode }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const page = useQuery({
    queryKey: ["problem", code],
    queryFn: ({ signal }) => ask(`/problems/${encodeURIComponent(code)}`, { signal, headers: { accept: "text/markdown" } }),
    enabled: isOpen,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return (
    <details className="advice" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{children ?? <code>{code}</code>}</summary>
      {isOpen && page.isPending ? <p>{TEXTS.loading}</p> : null}
      {page.isError ? <p>{TEXTS.problem.noPage}</p> : null}
      {typeof page.data === "string" ? advice(page.data).map((paragraph, at) => <p key={at}>{paragraph}</p>) : null}
    </details>
  );
}

/** Returns the paragraphs under "What to do", as plain text. */
export function advice(page: string): readonly string[] {
  const [, section = page] = page.split(/^## What to do\s*$/m);
  const [text = ""] = section.split(/^## /m);
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "");
}
