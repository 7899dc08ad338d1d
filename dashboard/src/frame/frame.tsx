/** What surrounds every page: the menu, who is signed in, colours and keys. */

import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactElement, useEffect, useState } from "react";
import { signOut, useSession } from "../hub/session";
import type { Session } from "../hub/shapes";
import { SignIn } from "../pages/sign-in";
import { Dialog } from "../parts/dialog";
import { TEXTS } from "../texts/texts";
import { Announced } from "./announce";
import { areKeysOff, type Key, setKeysOff, useAllKeys, useKeys } from "./keys";
import { entriesOf } from "./roles";
import { useTheme } from "./theme";

/** The page that was asked for, or the sign-in before it. */
export function Frame(): ReactElement {
  const state = useSession();
  const queries = useQueryClient();
  // What one has seen is for nobody who signs in after.
  useEffect(() => {
    if (state.is === "out") queries.clear();
  }, [state, queries]);
  if (state.is === "unknown") return <p className="loading">{TEXTS.loading}</p>;
  if (state.is === "out") return <SignIn hasEnded={state.hasEnded} />;
  return <Inside session={state.session} />;
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
            <button type="button" className="plain" onClick={() => void signOut()}>
              {TEXTS.frame.signOut}
            </button>
          </div>
        </nav>
      </header>
      <main id="page" tabIndex={-1}>
        <Outlet />
      </main>
      <Announced />
      {isHelpOpen ? <KeysHelp onClose={() => setHelpOpen(false)} /> : null}
    </div>
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
