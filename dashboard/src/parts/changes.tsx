/** What a record went through: who changed which field, when, from what to what. */

import type { ReactElement } from "react";
import type { PastChange } from "../hub/shapes";
import { TEXTS } from "../texts/texts";
import { Badge } from "./badge";
import { InLine } from "./value";
import { When } from "./when";

const T = TEXTS.changes;

export function Changes({ changes, path }: { readonly changes: readonly PastChange[]; readonly path?: string }): ReactElement {
  if (changes.length === 0) return <p className="quiet">{T.none}</p>;
  return (
    <ol className="changes">
      {changes.map((change) => (
        <li key={change.position}>
          <p>
            <strong>{change.by}</strong> <When at={change.at} /> <ChangeKind change={change} />
          </p>
          <ChangedFields change={change} path={path} />
        </li>
      ))}
    </ol>
  );
}

function ChangeKind({ change }: { readonly change: PastChange }): ReactElement | null {
  if (change.before === null) return <Badge tone="good">{T.made}</Badge>;
  if (change.after === null) return <Badge tone="bad">{T.removed}</Badge>;
  return change.kind === "write" ? null : <Badge tone="quiet">{change.kind}</Badge>;
}

/** The fields of a change; the one that matters here stands out. */
export function ChangedFields({ change, path }: { readonly change: PastChange; readonly path?: string | undefined }): ReactElement {
  const names = [...new Set([...Object.keys(change.before ?? {}), ...Object.keys(change.after ?? {})])].sort();
  return (
    <dl className="changed">
      {names.map((name) => (
        <div key={name} className={name === path ? "here" : undefined}>
          <dt>
            <code>{name}</code>
          </dt>
          <dd>
            {change.before === null ? null : (
              <>
                <del>
                  <InLine value={change.before[name]} />
                </del>{" "}
                →{" "}
              </>
            )}
            <ins>
              <InLine value={change.after?.[name]} />
            </ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
