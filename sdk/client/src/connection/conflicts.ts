/** Conflicts that wait for a person, as the hub tells them, and deciding them. */

import type { ConflictDetail, Decision, Options } from "../api.js";
import { SynclineError } from "../error.js";
import type { JsonObject } from "../json/value.js";
import { Hub } from "./hub.js";

/** Returns what decides conflicts at a hub, as the client with this name. */
export function conflictDesk({ url, token }: Options, client: string) {
  if (url === undefined) throw new SynclineError("CLIENT_NO_HUB", "the client was opened without the address of a hub");
  const hub = new Hub(url, token);
  const of = (id: string): string => `/v1/conflicts/${encodeURIComponent(id)}`;
  return {
    async show(id: string): Promise<Omit<ConflictDetail, "shown">> {
      const detail = await hub.request("GET", of(id));
      return { id, entity: String(detail["entity"]), record: String(detail["id"]), path: String(detail["path"]), detail };
    },

    async decide(id: string, decision: Decision): Promise<void> {
      if (decision === "later") return void (await hub.request("POST", `${of(id)}/skip`, {}));
      let choice: JsonObject;
      if (typeof decision === "object") choice = { value: decision.edit };
      else {
        const { sides } = await hub.request("GET", of(id));
        const writers = ((sides ?? []) as readonly { readonly writer?: string }[]).map(({ writer }) => writer);
        const writer = writers.find((writer) => (writer === client) === (decision === "mine"));
        if (writer === undefined) throw new SynclineError("DECISION_INVALID", `no side of the conflict is ${decision}`);
        choice = { take: writer };
      }
      await hub.request("POST", `${of(id)}/resolve`, choice);
    },
  };
}
