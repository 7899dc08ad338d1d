/** A value of one's own instead of any side's. */

import { useMutation } from "@tanstack/react-query";
import { type ReactElement, type SubmitEvent, useEffect, useId, useRef, useState } from "react";
import type { Conflict, Json, Offer } from "../../hub/shapes";
import { Problem } from "../../parts/problem";
import { written } from "../../parts/value";
import { DESK as T } from "../../texts/conflicts";
import { foresee } from "./asked";

export function OwnValue({ conflict, onForeseen }: { readonly conflict: Conflict; readonly onForeseen: (offer: Offer) => void }): ReactElement {
  const { conflict: id, sides, shown } = conflict;
  const first = sides.find(({ stamp }) => stamp === shown)?.value ?? sides[0]?.value;
  const [isJson, setJson] = useState(first !== undefined && typeof first !== "string");
  const [text, setText] = useState(written(first));
  const [fault, setFault] = useState<string>();
  const help = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  // One goes on where what is shown ends.
  useEffect(() => field.current?.setSelectionRange(field.current.value.length, field.current.value.length), []);
  const look = useMutation({ mutationFn: (value: Json) => foresee(id, { value }), onSuccess: onForeseen });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setFault(undefined);
    try {
      look.mutate(isJson ? (JSON.parse(text) as Json) : text);
    } catch (error) {
      setFault(T.notJson(error instanceof Error ? error.message : String(error)));
    }
  };
  return (
    <form className="own-value" onSubmit={submit}>
      <label>
        {T.edited2}
        <textarea
          ref={field}
          autoFocus
          rows={Math.min(10, text.split("\n").length + 1)}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
          }}
          aria-describedby={help}
          aria-invalid={fault !== undefined}
        />
      </label>
      <p id={help} className="quiet">
        {T.editedHelp}
      </p>
      <label className="check">
        <input type="checkbox" checked={isJson} onChange={(event) => setJson(event.target.checked)} />
        {T.asJson}
      </label>
      {fault === undefined ? null : (
        <p role="alert" className="fault">
          {fault}
        </p>
      )}
      {look.isError ? <Problem error={look.error} /> : null}
      <button type="submit" disabled={look.isPending}>
        {T.preview}
      </button>
    </form>
  );
}
