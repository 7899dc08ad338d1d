/** Why an attempt failed, in words, with what to do about it. */

import type { ReactElement } from "react";
import { Advice } from "../../parts/problem";
import { REASONS } from "../../texts/endpoints";

const KNOWN: Readonly<Record<string, readonly [says: string, help: string]>> = REASONS;

export function Reason({ reason }: { readonly reason: string }): ReactElement {
  const known = KNOWN[reason];
  if (known === undefined) return /^[A-Z_]+$/.test(reason) ? <Advice code={reason} /> : <code>{reason}</code>;
  const [says, help] = known;
  return (
    <details className="advice">
      <summary>
        {says} <code className="quiet">{reason}</code>
      </summary>
      <p>{help}</p>
    </details>
  );
}
