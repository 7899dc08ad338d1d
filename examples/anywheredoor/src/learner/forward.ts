/** Webhooks and the routes of the queue are the hub's. They are reached here, too: at the address that spec 004 gives them. */

const HEADERS = ["authorization", "content-digest", "content-encoding", "content-type", "cookie", "x-cron-secret", "x-webhook-signature", "webhook-id", "webhook-timestamp", "webhook-signature"];

/** Asks the hub the same, to the byte: signatures are over bytes. */
export async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const headers = HEADERS.flatMap((name) => {
    const value = request.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const body = request.method === "GET" ? null : await request.arrayBuffer();
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(`${process.env["SYNCLINE_URL"]}${pathname}${search}`, { method: request.method, headers: Object.fromEntries(headers), body, redirect: "manual", signal }).catch(() => undefined);
  if (answer === undefined) return Response.json({ code: "HUB_UNREACHABLE", title: "The hub does not answer" }, { status: 503, headers: { "retry-after": "1" } });
  const told = ["content-type", "retry-after", "www-authenticate"].flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return new Response(answer.body, { status: answer.status, headers: Object.fromEntries(told) });
}
