/** A word with a colour and a shape: the colour alone says nothing. */

import type { ReactElement, ReactNode } from "react";

export type Tone = "good" | "warn" | "bad" | "quiet" | "busy";

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }): ReactElement {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}
