/** Rows of a list that the hub cannot read: which they are, and what one can do. */

import type { ReactElement, ReactNode } from "react";
import { TEXTS } from "../texts/texts";
import { Advice } from "./problem";

/** How many are named: where there are more, which they are helps nobody. */
const NAMED_MAX = 20;
/** What the hub calls it, and has a page about. */
const CODE = "STORE_DAMAGED";

interface Facts<R> {
  readonly rows: readonly R[];
  /** What a row is called, or a way to it. */
  readonly name: (row: R) => ReactNode;
  readonly keyOf: (row: R) => string | number;
}

export function Damaged<R>({ rows, name, keyOf }: Facts<R>): ReactElement | null {
  if (rows.length === 0) return null;
  const more = rows.length - NAMED_MAX;
  return (
    <div className="problem">
      <p className="problem-title">{TEXTS.damaged.title(rows.length)}</p>
      <ul className="in-a-row">
        {rows.slice(0, NAMED_MAX).map((row) => (
          <li key={keyOf(row)}>{name(row)}</li>
        ))}
        {more > 0 ? <li>{TEXTS.damaged.more(more)}</li> : null}
      </ul>
      <p>{TEXTS.damaged.help}</p>
      <Advice code={CODE}>{TEXTS.damaged.store}</Advice>
    </div>
  );
}
