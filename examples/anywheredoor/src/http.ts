/** Web requests and answers over Node's server, as spec 004's routes have them: `GET` and `POST` are functions of a `Request`. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createApiResponse, SynclineError } from "@syncline/app";
import { Unfit } from "./unfit.js";

export type Route = (request: Request) => Response | Promise<Response>;

/** Routes by method and path: `GET /api/profile`; a path that ends in `/*` takes all below it. */
export type Routes = Readonly<Record<string, Route>>;

/** Longest body that is read, in bytes: that of a webhook, and then some. */
const BODY_BYTES_MAX = 1 << 20;
/** Under which names the applications are reached. Others mean that a page elsewhere has had its name lead here. */
const HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** Serves routes on this machine alone. Whoever puts it on a network puts a sign-in before it. */
export function serve(routes: Routes, port: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    answer(routes, incoming)
      .catch(problem)
      .then((response) => send(response, outgoing))
      // Who asked has gone.
      .catch(() => outgoing.destroy());
  });
  return new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server)));
}

async function answer(routes: Routes, incoming: IncomingMessage): Promise<Response> {
  const { method = "GET", url: path = "/", headers } = incoming;
  const url = new URL(path, `http://${headers.host ?? ""}`);
  if (!HOSTS.includes(url.hostname)) throw new Unfit(421, "HOST_UNKNOWN", "this is not a name of this server");
  const above = url.pathname.slice(0, url.pathname.lastIndexOf("/"));
  const route = routes[`${method} ${url.pathname}`] ?? routes[`${method} ${above}/*`];
  if (route === undefined) throw new Unfit(404, "NOT_FOUND", `nothing answers to ${method} here`);
  const body = method === "GET" || method === "HEAD" ? null : await read(incoming);
  return route(new Request(url, { method, headers: headersOf(incoming), body }));
}

async function read(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new Unfit(413, "BODY_TOO_LARGE", `a body has at most ${BODY_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  return headers;
}

/** Answers with what went wrong: its code and what it means, never a value. */
function problem(error: unknown): Response {
  if (error instanceof Unfit) return problemResponse(error.status, error.code, error.message);
  if (error instanceof SynclineError) {
    // What the hub refuses is refused; whatever else the hub says is no fault of who asked here.
    const status = error.status === 409 || error.status === 422 ? error.status : 503;
    return problemResponse(status, error.code, error.message);
  }
  console.error(error instanceof Error ? error.stack : "an error of no kind");
  return problemResponse(500, "INTERNAL", "something is wrong here");
}

function problemResponse(status: number, code: string, message: string): Response {
  return createApiResponse({ success: false, error: { code, message } }, { status, ...(status === 503 && { headers: { "retry-after": "1" } }) });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, { "x-content-type-options": "nosniff", "cache-control": "no-store", ...Object.fromEntries(response.headers) });
  if (response.body === null) outgoing.end();
  else await pipeline(Readable.fromWeb(response.body as import("node:stream/web").ReadableStream), outgoing);
}
