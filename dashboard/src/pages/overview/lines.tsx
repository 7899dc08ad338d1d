/** A list of what somebody should know of: its heading, and a line of each, or that there is none. */

import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useId } from "react";
import { Loaded } from "../../parts/page";

interface Facts<T> {
  readonly title: string;
  readonly query: UseQueryResult<readonly T[]>;
  readonly none: string;
  readonly keyOf: (one: T) => string | number;
  readonly children: (one: T) => ReactNode;
}

export function Lines<T>({ title, query, none, keyOf, children }: Facts<T>): ReactElement {
  const heading = useId();
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <Loaded query={query}>
        {(all) =>
          all.length === 0 ? (
            <p className="quiet">{none}</p>
          ) : (
            <ul className="plain-list">
              {all.map((one) => (
                <li key={keyOf(one)}>{children(one)}</li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}
