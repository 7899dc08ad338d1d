/** The pages that tests open: built with Vite once for a run, served on the loopback interface. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type InlineConfig } from "vite";

const FOLDER = fileURLToPath(new URL("../dist", import.meta.url));
const SOURCE = fileURLToPath(new URL("../pages", import.meta.url));
const CLIENT = fileURLToPath(new URL("../../client/src", import.meta.url));

const KINDS: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** Builds them; what is tested is the source, so no other build must come first. */
export default async function setup(): Promise<void> {
  const common: InlineConfig = {
    root: SOURCE,
    configFile: false,
    logLevel: "warn",
    resolve: {
      alias: [
        { find: "vitest", replacement: join(SOURCE, "vitest.ts") },
        { find: /^@syncline\/client$/, replacement: join(CLIENT, "index.ts") },
        { find: /^@syncline\/client\/sqlite$/, replacement: join(CLIENT, "storage/sqlite.ts") },
        { find: /^@syncline\/client\/(\w+)$/, replacement: join(CLIENT, "$1/index.ts") },
      ],
    },
  };
  const output = { outDir: FOLDER, target: "es2022" };
  await build({ ...common, build: { ...output, emptyOutDir: true, rolldownOptions: { input: [join(SOURCE, "index.html"), join(SOURCE, "elements.html")] } } });
  // A service worker is known by its address, and is one file: it may load nothing later.
  const worker = { entry: join(SOURCE, "service-worker.ts"), formats: ["iife" as const], name: "worker", fileName: () => "service-worker.js" };
  await build({ ...common, build: { ...output, emptyOutDir: false, lib: worker } });
}

/** An address under which the pages are. */
export interface Pages {
  /** Such as `http://127.0.0.1:8080`: what a hub must allow (`--origin`). */
  readonly origin: string;
  /** What pages have told (`window.page.tell`), in the order in which it arrived. */
  readonly told: readonly string[];
  /** Has paths that match be refused, as on a way that is cut, until called again without any. */
  withhold(paths?: RegExp): void;
  close(): Promise<void>;
}

/** Serves the pages, on a free port unless one is named. */
export async function servePages(folder = FOLDER, port = 0): Promise<Pages> {
  const told: string[] = [];
  let withheld: RegExp | undefined;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://loopback");
    if (withheld?.test(pathname)) {
      request.socket.resetAndDestroy();
      return;
    }
    if (pathname === "/told") {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        told.push(body);
        response.writeHead(204).end();
      });
      return;
    }
    const path = join(folder, normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    stat(path).then(
      () => {
        response.writeHead(200, { "content-type": KINDS[extname(path)] ?? "application/octet-stream", "cache-control": "no-store" });
        createReadStream(path).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without a port");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    told,
    withhold: (paths) => (withheld = paths),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
