/** What a client follows, as part of an address (`docs/protocol.md` §4). */

import { write } from "../json/write.js";
import type { Follow } from "../protocol/message.js";

/** Returns the query of a view; empty where everything is followed from the beginning. */
export function queryOf({ entities, view, params, cursor }: Follow): string {
  const parts = { entities: entities?.join() || undefined, view, params: params && write(params), cursor };
  // Not every platform can set members of its `URLSearchParams`.
  return Object.entries(parts)
    .flatMap(([name, text]) => (text === undefined ? [] : `${name}=${encodeURIComponent(text)}`))
    .join("&");
}
