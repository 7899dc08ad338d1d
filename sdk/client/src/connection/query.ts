/** What a client follows, as part of an address (`docs/protocol.md` §4). */

import { write } from "../json/write.js";
import type { Follow } from "../protocol/message.js";

/** Returns the query of a view; empty where everything is followed from the beginning. */
export function queryOf({ entities, view, params, cursor }: Follow): string {
  const query = new URLSearchParams();
  if (entities?.length) query.set("entities", entities.join());
  if (view !== undefined) query.set("view", view);
  if (params !== undefined) query.set("params", write(params));
  if (cursor !== undefined) query.set("cursor", cursor);
  return query.toString();
}
