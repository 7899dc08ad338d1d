/** What a client has seen of a record, as the hub has signed it (`docs/protocol.md` §6): details, `~`, and the rest; or the rest alone, which is short. */

/** Returns a token with the details of another one of the same record where it is short; `undefined` where that has none. */
export function withDetailsOf(token: string, of: string | undefined): string | undefined {
  if (!token.startsWith("~")) return token;
  const details = of === undefined ? undefined : detailsOf(of);
  return details ? details + token : undefined;
}

/** Returns the details of a token; `undefined` if it has none. */
export function detailsOf(token: string): string | undefined {
  return token.slice(0, Math.max(0, token.indexOf("~"))) || undefined;
}

/** Returns a token without its details; itself if it has none. */
export function shortOf(token: string): string {
  return token.slice(Math.max(0, token.indexOf("~")));
}
