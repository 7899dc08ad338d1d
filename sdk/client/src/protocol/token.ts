/** What a client has seen of a record, as the hub has signed it (`docs/protocol.md` §6): details, `~`, and the rest; or the rest alone, which is short. */

/** Returns a token with the details of another one of the same record where it is short; `undefined` where that has none. */
export function withDetailsOf(token: string, of: string | undefined): string | undefined {
  if (!token.startsWith("~")) return token;
  const details = of?.slice(0, Math.max(0, of.indexOf("~")));
  return details ? details + token : undefined;
}
