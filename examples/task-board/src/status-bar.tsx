/** Whether the hub is in reach, what waits for it, what it refused, and which conflicts wait for a person. */

import { useClient, useConflicts, useSyncStatus } from "@syncline/react";
import { useState } from "react";
import { forgetPerson } from "./person.js";

const WORDS = { offline: "Offline", connecting: "Connecting…", online: "Online", "up-to-date": "Up to date" };

export function StatusBar({ person, onDecide }: { person: string; onDecide: (id: string) => void }) {
  const client = useClient();
  const status = useSyncStatus();
  const [first, ...more] = useConflicts();
  const [isOffline, setOffline] = useState(false);

  async function leave() {
    const lost = status.pending + status.quarantined;
    if (lost > 0 && !confirm(`${lost} edits were not sent and would be lost. Sign out all the same?`)) return;
    await client?.logout();
    forgetPerson();
    location.reload();
  }

  return (
    <>
      <header className="bar">
        <h1>Task board</h1>
        <p role="status" className="badge" data-network={status.network}>
          {WORDS[status.network]}
          {status.pending > 0 && ` · ${status.pending} not sent yet`}
        </p>
        {first && <button className="mark conflict" onClick={() => onDecide(first.id)}>Decide {more.length + 1} {more.length ? "conflicts" : "conflict"}</button>}
        <label>
          <input type="checkbox" role="switch" checked={isOffline} onChange={(event) => (setOffline(event.target.checked), client?.setOnline(!event.target.checked))} /> Work offline
        </label>
        <button onClick={() => void leave()}>Sign out {person}</button>
      </header>
      {status.isUnauthorised && <p role="alert" className="alert">The hub accepts this link no more. Your edits are kept: open a new link.</p>}
      {client && status.quarantined > 0 && (
        <ul role="alert" className="alert">
          {client.quarantine().map(({ operation, refusal }) => (
            <li key={operation}>
              Taken back by the hub: {refusal.detail} <button onClick={() => void client.discard(operation)}>Understood</button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
