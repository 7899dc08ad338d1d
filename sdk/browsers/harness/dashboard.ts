/** The dashboard as the hub serves it: built from its sources, under the hub's policy of content, beside a real hub. */

import { execFileSync } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { createServer, type IncomingMessage, request as ask, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import type { Hub } from "../../client/test/hub.js";

const SOURCE = fileURLToPath(new URL("../../../dashboard", import.meta.url));
const FOLDER = fileURLToPath(new URL("../dist/dashboard", import.meta.url));

/** What the hub allows its pages (`crates/syncline-server/src/dashboard/serve.rs`). */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

const KINDS: Readonly<Record<string, string>> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** Builds it once for a run, with what it needs installed. */
export default async function setup(): Promise<void> {
  if (!existsSync(join(SOURCE, "node_modules/.package-lock.json"))) execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: SOURCE, stdio: "ignore" });
  // A test runner says "test", and the pages would not be those that are served: React would be the one for development.
  const { NODE_ENV } = process.env;
  process.env["NODE_ENV"] = "production";
  try {
    await build({ configFile: join(SOURCE, "vite.config.ts"), mode: "production", logLevel: "error", build: { outDir: FOLDER, emptyOutDir: true } });
  } finally {
    process.env["NODE_ENV"] = NODE_ENV ?? "test";
  }
}

/** The dashboard of a hub. */
export interface Dashboard {
  /** Where it begins, such as `http://127.0.0.1:8080/dashboard/`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves it beside a hub, which answers everything else under the same origin. */
export async function serveDashboard(hub: Hub): Promise<Dashboard> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://loopback");
    if (pathname.startsWith("/dashboard/")) show(pathname.slice("/dashboard/".length), response);
    else pass(hub.url, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without a port");
  return {
    url: `http://127.0.0.1:${address.port}/dashboard/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function show(path: string, response: ServerResponse): void {
  const file = join(FOLDER, normalize(`/${path}`));
  const isThere = path !== "" && existsSync(file);
  const shown = isThere ? file : join(FOLDER, "index.html");
  response.writeHead(200, { "content-type": KINDS[extname(shown)] ?? "application/octet-stream", "content-security-policy": POLICY, "cache-control": "no-store" });
  createReadStream(shown).pipe(response);
}

/** Hands a request to the hub as it is: its host too, with which the hub compares the origin. */
function pass(hub: string, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = new URL(hub);
  const { method, url: path, headers } = request;
  const asked = ask({ hostname, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  asked.on("error", () => response.destroy());
  request.pipe(asked);
}
