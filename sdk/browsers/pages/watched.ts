/** `@syncline/client` as the example app gets it, where whoever watches the tab can ask it for records. */

import { type Client, type Options, open as openUnwatched } from "../../client/src/index.js";
import { canonical } from "../../client/src/json/canonical.js";

export * from "../../client/src/index.js";

declare global {
  interface Window {
    /** Every record of an entity that the app's client has: its id and one text for all equal records. */
    readRecords: (entity: string) => readonly (readonly [id: string, record: string])[];
  }
}

export async function open(options: Options): Promise<Client> {
  const client = await openUnwatched(options);
  window.readRecords = (entity) => client.query({ entity }).map(({ id, value }) => [id, canonical(value)] as const);
  return client;
}
