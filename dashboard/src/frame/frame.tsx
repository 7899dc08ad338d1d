/** What surrounds every page: the menu, who is signed in, colours and keys. */

import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactElement, useEffect, useState } from "react";
import type { HubError } from "../hub/ask";
import { resume, signOut, useSession } from "../hub/session";
import type { Session } from "../hub/shapes";
import { SignIn } from "../pages/sign-in";
import { Dialog } from "../parts/dialog";
import { Problem } from "../parts/problem";
import { TEXTS } from "../texts/texts";
import { announce, Announced } from "./announce";
import { areKeysOff, type Key, setKeysOff, useAllKeys, useKeys } from "./keys";
import { entriesOf } from "./roles";
import { useTheme } from "./theme";

/** How long a page may take to come before that is said, in milliseconds: less is seen as at once. */
const COMING_MS = 400;

/** The page that was asked for, or the sign-in before it. */
export function Frame(): ReactElement {
  const state = useSession();
  const queries = useQueryClient();
  // What one has seen is for nobody who signs in after.
  useEffect(() => {
    if (state.is === "out") queries.clear();
  }, [state, queries]);
  if (state.is === "unknown") return <p className="loading">{TEXTS.loading}</p>;
  if (state.is === "away") return <Away error={state.error} />;
  if (state.is === "out") return <SignIn hasEnded={state.hasEnded} />;
  return <Inside session={state.session} />;
}

/** Whether one is signed in is not known as long as the hub does not answer; it is asked again by itself. */
function Away({ error }: { readonly error: HubError }): ReactElement {
  return (
    <main className="sign-in">
      <title>{`${error.title} · Syncline`}</title>
      <h1>Syncline</h1>
      <Problem error={error} retry={() => void resume()} />
    </main>
  );
}

function Inside({ session }: { readonly session: Session }): ReactElement {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [theme, nextTheme] = useTheme();
  const navigate = useNavigate();
  const entries = entriesOf(session.role);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(() => setMenuOpen(false), [path]);
  useKeys([
    { key: "?", says: TEXTS.keys.help, does: () => setHelpOpen(true) },
    ...entries.map(({ to, name, key }): Key => ({ key: `g ${key}`, says: TEXTS.keys.goTo(name), does: () => void navigate({ to }) })),
  ]);
  return (
    <div className="frame">
      <a className="skip" href="#page">
        {TEXTS.frame.skip}
      </a>
      <header className="bar">
        <span className="brand">Syncline</span>
        <button type="button" className="menu-button" aria-expanded={isMenuOpen} aria-controls="menu" onClick={() => setMenuOpen(!isMenuOpen)}>
          {TEXTS.frame.menu}
        </button>
        <nav id="menu" aria-label={TEXTS.frame.pages} className={isMenuOpen ? "menu open" : "menu"}>
          <ul>
            {entries.map(({ to, name }) => (
              <li key={to}>
                <Link to={to} activeOptions={{ exact: to === "/" }} activeProps={{ "aria-current": "page" }}>
                  {name}
                </Link>
              </li>
            ))}
          </ul>
          <div className="menu-foot">
            <p className="quiet">{TEXTS.frame.who(session.name, session.role, session.hub)}</p>
            <button type="button" className="plain" onClick={nextTheme}>
              {TEXTS.frame.theme[theme]}
            </button>
            <button type="button" className="plain" onClick={() => setHelpOpen(true)}>
              {TEXTS.frame.keys} <kbd>?</kbd>
            </button>
            <button type="button" className="plain" onClick={() => void signOut().then((isOver) => !isOver && announce(TEXTS.frame.signOutFailed))}>
              {TEXTS.frame.signOut}
            </button>
          </div>
        </nav>
      </header>
      <main id="page" tabIndex={-1}>
        <Shown />
      </main>
      <Announced />
      {isHelpOpen ? <KeysHelp onClose={() => setHelpOpen(false)} /> : null}
    </div>
  );
}

/** The page that was gone to. Where it is long in coming, what was there before would look like it. */
function Shown(): ReactElement {
  const isComing = useRouterState({ select: ({ status }) => status === "pending" });
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (!isComing) return;
    const timer = setTimeout(() => setLong(true), COMING_MS);
    return () => {
      clearTimeout(timer);
      setLong(false);
    };
  }, [isComing]);
  if (!isLong) return <Outlet />;
  return (
    <p className="loading" role="status">
      {TEXTS.loading}
    </p>
  );
}

function KeysHelp({ onClose }: { readonly onClose: () => void }): ReactElement {
  const keys = useAllKeys();
  const [areOff, setOff] = useState(areKeysOff);
  return (
    <Dialog title={TEXTS.keys.title} onClose={onClose}>
      <p>{TEXTS.keys.about}</p>
      <table className="keys">
        <thead>
          <tr>
            <th scope="col">{TEXTS.keys.key}</th>
            <th scope="col">{TEXTS.keys.does}</th>
          </tr>
        </thead>
        <tbody>
          {keys.map(({ key, says }) => (
            <tr key={`${key} ${says}`}>
              <td>
                <kbd>{key}</kbd>
              </td>
              <td>{says}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label className="check">
        <input
          type="checkbox"
          checked={areOff}
          onChange={(event) => {
            setKeysOff(event.target.checked);
            setOff(event.target.checked);
          }}
        />
        {TEXTS.keys.off}
      </label>
    </Dialog>
  );
}
