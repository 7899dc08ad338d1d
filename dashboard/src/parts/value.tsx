/** Values of records, always as text: whatever they hold, nothing of it becomes markup. */

import type { ReactElement } from "react";
import type { Json } from "../hub/shapes";
import { TEXTS } from "../texts/texts";
import { differing, type Piece } from "./differing";

/** Returns a value as people read it: a text as it is, everything else as JSON. */
export function written(value: Json | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
}

/** A value in a line, for tables. */
export function InLine({ value }: { readonly value: Json | undefined }): ReactElement {
  if (value === undefined) return <span className="quiet">{TEXTS.value.nothing}</span>;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return <span className="value in-line">{text === "" ? <span className="quiet">{TEXTS.value.emptyText}</span> : text}</span>;
}

/** A value as a block; what is not in `than` is marked. */
export function Value({ value, than, label = TEXTS.value.label }: { readonly value: Json | undefined; readonly than?: Json | undefined; readonly label?: string }): ReactElement {
  if (value === undefined) return <p className="quiet">{TEXTS.value.nothing}</p>;
  if (value === "") return <p className="quiet">{TEXTS.value.emptyText}</p>;
  const pieces: readonly Piece[] = than === undefined ? [{ text: written(value), isOnlyHere: false }] : differing(written(value), written(than));
  return (
    // It may scroll, so whoever uses no mouse must reach it.
    <pre className="value" tabIndex={0} role="group" aria-label={label}>
      {pieces.map(({ text, isOnlyHere }, at) => (isOnlyHere ? <mark key={at}>{text}</mark> : text))}
    </pre>
  );
}
