/** A question that is answered before anything else: the browser's own dialog, which keeps the focus inside. */

import { type ReactElement, type ReactNode, useEffect, useId, useRef } from "react";
import { TEXTS } from "../texts/texts";

/** What has the focus first: what is filled in, or what says so; elsewhere it is what closes the dialog. */
const FIRST = "form :is(input, textarea, select), [data-first]";

export function Dialog({ title, onClose, children }: { readonly title: string; readonly onClose: () => void; readonly children: ReactNode }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    shown?.querySelector<HTMLElement>(FIRST)?.focus();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" className="plain" onClick={onClose}>
          {TEXTS.close}
        </button>
      </header>
      {children}
    </dialog>
  );
}
