/** What forms and questions are made of: a field with its help, and what does it or leaves it. */

import { type ReactElement, type ReactNode, useId } from "react";
import { TEXTS } from "../texts/texts";

interface FieldFacts {
  readonly name: string;
  readonly label: string;
  readonly help?: ReactNode;
  /** `hours` are a number that need not be whole, and may be none at all. */
  readonly type?: "text" | "url" | "number" | "hours" | "password";
  readonly value?: string | number | undefined;
  readonly isRequired?: boolean;
  /** How many lines it has, if a text of more than one is meant. */
  readonly lines?: number;
}

const KINDS = {
  text: { type: "text" },
  url: { type: "url" },
  password: { type: "password" },
  number: { type: "number", min: 1 },
  hours: { type: "number", min: 0, step: "any" },
} as const;

export function Field({ name, label, help, type = "text", value, isRequired = false, lines }: FieldFacts): ReactElement {
  const about = useId();
  const common = { name, required: isRequired, defaultValue: value, spellCheck: false, "aria-describedby": help === undefined ? undefined : about };
  return (
    <div>
      <label>
        {label}
        {lines === undefined ? <input {...common} {...KINDS[type]} autoComplete="off" /> : <textarea {...common} rows={lines} />}
      </label>
      {help === undefined ? null : (
        <p id={about} className="quiet">
          {help}
        </p>
      )}
    </div>
  );
}

interface ActionFacts {
  readonly does: string;
  readonly isPending: boolean;
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  /** What it does; without it, it sends the form that it is in. */
  readonly onDo?: () => void;
  readonly onCancel: () => void;
}

/** What does what a form or a question is about, and what leaves it. */
export function FormActions({ does, isPending, isDangerous = false, isDisabled = false, onDo, onCancel }: ActionFacts): ReactElement {
  return (
    <div className="actions">
      <button type={onDo === undefined ? "submit" : "button"} className={isDangerous ? "danger" : "primary"} disabled={isPending || isDisabled} aria-busy={isPending} onClick={onDo}>
        {does}
      </button>
      <button type="button" onClick={onCancel}>
        {TEXTS.cancel}
      </button>
    </div>
  );
}
