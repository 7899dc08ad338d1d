/** A secret, shown once: it is in no cache of the page, and gone with the dialog. */

import { type ReactElement, useState } from "react";
import { Dialog } from "../../parts/dialog";
import { Moment } from "../../parts/when";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { TEXTS } from "../../texts/texts";

export function SecretOnce({ secrets, formerEndsAt, onClose }: { readonly secrets: readonly string[]; readonly formerEndsAt?: string; readonly onClose: () => void }): ReactElement {
  return (
    <Dialog title={T.secretTitle} onClose={onClose}>
      <p className="notice">{T.secretOnce}</p>
      {secrets.map((secret) => (
        <Secret key={secret} secret={secret} />
      ))}
      {formerEndsAt === undefined ? null : (
        <p>
          {T.formerEnds} <Moment at={formerEndsAt} />.
        </p>
      )}
    </Dialog>
  );
}

function Secret({ secret }: { readonly secret: string }): ReactElement {
  const [isCopied, setCopied] = useState(false);
  // Browsers have a clipboard for pages over https and on this machine only; elsewhere one selects the text.
  const clipboard = (navigator as { readonly clipboard?: Clipboard }).clipboard;
  return (
    <div className="actions">
      {/* Enter on it closes nothing: who has asked for it by Enter may still hold the key. */}
      <code className="secret" data-first aria-label={T.secretsLabel} role="group" tabIndex={0}>
        {secret}
      </code>
      {clipboard === undefined ? null : (
        <button type="button" onClick={() => void clipboard.writeText(secret).then(() => setCopied(true), () => undefined)}>
          {isCopied ? TEXTS.copied : TEXTS.copy}
        </button>
      )}
    </div>
  );
}
