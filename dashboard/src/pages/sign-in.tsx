/** The sign-in: a token becomes a session. */

import { type ReactElement, type SubmitEvent, useState } from "react";
import { hubName, signIn } from "../hub/session";
import { Problem } from "../parts/problem";
import { TEXTS } from "../texts/texts";

export function SignIn({ hasEnded }: { readonly hasEnded: boolean }): ReactElement {
  const [isUnderWay, setUnderWay] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setUnderWay(true);
    setError(undefined);
    try {
      await signIn(String(form.get("token") ?? "").trim(), String(form.get("hub") ?? "").trim());
    } catch (caught) {
      setError(caught);
      setUnderWay(false);
    }
  };
  return (
    <main className="sign-in">
      <title>{`${TEXTS.signIn.title} · Syncline`}</title>
      <h1>Syncline</h1>
      <p>{TEXTS.signIn.about}</p>
      {hasEnded ? <p role="status">{TEXTS.signIn.ended}</p> : null}
      <form onSubmit={(event) => void submit(event)}>
        <label>
          {TEXTS.signIn.token}
          <input name="token" type="password" required autoFocus autoComplete="current-password" spellCheck={false} />
        </label>
        <label>
          {TEXTS.signIn.hub}
          <input name="hub" defaultValue={hubName()} autoComplete="organization" spellCheck={false} aria-describedby="hub-help" />
        </label>
        <p id="hub-help" className="quiet">
          {TEXTS.signIn.hubHelp}
        </p>
        {error === undefined ? null : <Problem error={error} />}
        <button type="submit" className="primary" disabled={isUnderWay}>
          {isUnderWay ? TEXTS.signIn.doing : TEXTS.signIn.do}
        </button>
      </form>
    </main>
  );
}
