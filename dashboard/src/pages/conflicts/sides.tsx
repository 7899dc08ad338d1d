/** All sides of a conflict beside each other, with what differs marked, and what was there before. */

import type { ReactElement } from "react";
import type { Conflict, Json, PastChange } from "../../hub/shapes";
import { Badge } from "../../parts/badge";
import { Value } from "../../parts/value";
import { When } from "../../parts/when";
import { DESK as T } from "../../texts/conflicts";

/** What was there before: the hub says it, or the history does, or nobody. */
type Base = { readonly value: Json | undefined; readonly isOfHistory: boolean } | undefined;

/** Returns what the field held before any side said what it says: behind the oldest of the latest changes that brought one of their values. */
export function baseOf({ base, path, sides }: Conflict, changes: readonly PastChange[] | undefined): Base {
  if (base !== undefined) return { value: base, isOfHistory: false };
  const said = new Set(sides.map(({ value }) => JSON.stringify(value)));
  const touching = (changes ?? []).filter(({ before, after }) => [before, after].some((part) => part !== null && Object.hasOwn(part, path)));
  let found: Base;
  for (const { before, after } of touching) {
    if (!said.has(JSON.stringify(after?.[path]))) break;
    found = { value: before?.[path], isOfHistory: true };
  }
  return found;
}

export function Sides({ conflict, changes }: { readonly conflict: Conflict; readonly changes: readonly PastChange[] | undefined }): ReactElement {
  const { sides, shown, kind } = conflict;
  if (sides.length === 0) return <p className="notice">{kind === "deletion" ? T.deletion : T.baseUnknown}</p>;
  const base = baseOf(conflict, changes);
  return (
    <section aria-label={T.sides} className="sides">
      {sides.map((side, at) => {
        const other = sides[at === 0 ? 1 : 0]?.value;
        return (
          <article key={side.stamp} aria-label={`${T.side(at + 1)}: ${side.writer ?? T.unknownWriter}`}>
            <h2>
              {side.writer ?? T.unknownWriter} {side.stamp === shown ? <Badge tone="busy">{T.shown}</Badge> : null}
            </h2>
            <p className="quiet">
              {T.edited} <When at={side.editedMs} />
            </p>
            <Value value={side.value} than={other} />
          </article>
        );
      })}
      <article aria-label={T.base} className="base">
        <h2>{T.base}</h2>
        <p className="quiet">{base === undefined ? T.baseUnknown : base.isOfHistory ? T.baseFrom : null}</p>
        {base === undefined ? null : <Value value={base.value} />}
      </article>
    </section>
  );
}
