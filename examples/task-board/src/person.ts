/** Whose board this tab shows. The link that `npm run hub` prints says it, behind the `#`, which no server is told. */

export interface Person {
  readonly name: string;
  readonly hub: string;
  readonly token: string;
  /** The type of record that is shown as notes. */
  readonly entity: string;
}

const KEY = "task-board-person";

/** Returns the person of the link, else of this tab, else of the tab that was opened last. */
export function readPerson(): Person | undefined {
  const link = new URLSearchParams(location.hash.slice(1));
  const [name, hub, token] = [link.get("name"), link.get("hub"), link.get("token")];
  if (name && hub && token) {
    const entity = link.get("entity") ?? "notes";
    const person = JSON.stringify({ name, hub, token, entity } satisfies Person);
    sessionStorage.setItem(KEY, person);
    localStorage.setItem(KEY, person);
    // A token has no place in the history of a browser.
    history.replaceState(undefined, "", location.pathname);
  }
  const kept = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  if (kept === null) return undefined;
  sessionStorage.setItem(KEY, kept);
  return JSON.parse(kept) as Person;
}

export function forgetPerson(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}
