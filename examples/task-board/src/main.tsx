/** Opens the client, once, and shows the board. */

import { open } from "@syncline/client";
import { SynclineProvider } from "@syncline/react";
import { StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { Board } from "./board.js";
import { Failure } from "./failure.js";
import { readPerson, type Person } from "./person.js";

/** Records and waiting edits are kept in this browser under a name of their own for each person. */
function openFor({ name, hub, token, entity }: Person) {
  return open({ name: `task-board-${name}`, url: hub, token, device: name, entities: [entity] });
}

function NoLink() {
  return (
    <main className="alone">
      <h1>Task board</h1>
      <p>
        Run <code>npm run hub</code> and open one of the links that it prints.
      </p>
    </main>
  );
}

const person = readPerson();
// A link that is opened in a tab that shows the board already.
addEventListener("hashchange", () => location.reload());
const root = document.getElementById("root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      {person === undefined ? (
        <NoLink />
      ) : (
        <SynclineProvider client={openFor(person)}>
          <Failure>
            <Suspense fallback={<main className="alone" aria-busy="true">Opening…</main>}>
              <Board person={person} />
            </Suspense>
          </Failure>
        </SynclineProvider>
      )}
    </StrictMode>,
  );
