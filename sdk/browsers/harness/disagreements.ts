/** Records that two devices disagree about, on a real hub. */

import type { Hub } from "../../client/test/hub.js";

/** A person decides the telephone and the note; the price is shown at once, and a manager agrees to it. */
export const RULES = `
[roles]
manager = ["mara"]

[entities.contacts]
deletion = "review"

[entities.contacts.fields]
"/phone" = "review"
"/note" = "review"

[entities.products.fields]
"/price" = { rule = "max", approval = ["manager"] }
`;

/** Two devices of a hub that write without knowing of each other. */
export class Devices {
  readonly #hub: Hub;
  readonly #tokens: ReadonlyMap<string, string>;
  #op = 0;

  private constructor(hub: Hub, tokens: ReadonlyMap<string, string>) {
    this.#hub = hub;
    this.#tokens = tokens;
  }

  static async of(hub: Hub): Promise<Devices> {
    const tokens = new Map<string, string>();
    for (const client of ["laptop", "phone"]) tokens.set(client, (await hub.issue({ name: client, role: "client", client })).token);
    return new Devices(hub, tokens);
  }

  /** Makes a record, and has both devices change it at once: each as if the other had not. */
  async disagree(entity: string, id: string, record: object, laptop: object, phone: object): Promise<void> {
    const path = `/v1/entities/${entity}/records/${encodeURIComponent(id)}`;
    const { version } = (await this.#hub.ask("PUT", path, record)) as { readonly version: string };
    await this.#push("laptop", { entity, id, base: version, ...laptop });
    await this.#push("phone", { entity, id, base: version, ...phone });
  }

  async #push(client: string, part: object): Promise<void> {
    this.#op += 1;
    const answer = await fetch(`${this.#hub.url}/v1/push`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#tokens.get(client) ?? ""}`, "content-type": "application/json" },
      body: JSON.stringify({ client, ops: [{ op: this.#op, at: new Date().toISOString(), ...part }] }),
    });
    if (!answer.ok) throw new Error(`push: ${answer.status} ${await answer.text()}`);
  }

  /** Has them disagree about the telephones of so many contacts, the first with the id `anna`. */
  async disagreeAboutPhones(count: number): Promise<void> {
    const names = ["anna", "ben", "clara", "david", "eva", "felix", "greta", "hugo"].slice(0, count);
    for (const [at, id] of names.entries()) {
      const name = `${id[0]?.toUpperCase()}${id.slice(1)} Example`;
      await this.disagree("contacts", id, { name, phone: `+43 1 555 000${at}`, city: "Vienna" }, { set: { "/phone": `+43 660 555 100${at}` } }, { set: { "/phone": `+43 660 555 200${at}`, "/city": "Graz" } });
    }
  }
}
