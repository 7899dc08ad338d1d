/** The files of the page: its own, and those of `@syncline/elements`, without a build of their own. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Unfit } from "../unfit.js";

const TYPES: Readonly<Record<string, string>> = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8" };
/** Nothing is taken from elsewhere, and nothing that stands in the page itself is run. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = new URL("../../page/", import.meta.url);
const ELEMENTS = new URL("./", import.meta.resolve("@syncline/elements"));

/** Answers with a file of a folder; no name leads out of it. */
async function file(folder: URL, name: string): Promise<Response> {
  const [, extension = ""] = /^[a-z-]+\.(html|css|js)$/.exec(name) ?? [];
  const type = TYPES[extension];
  const bytes = type === undefined ? undefined : await readFile(fileURLToPath(new URL(name, folder))).catch(() => undefined);
  if (type === undefined || bytes === undefined) throw new Unfit(404, "NOT_FOUND", "there is no such file");
  return new Response(bytes, { headers: { "content-type": type, "content-security-policy": POLICY } });
}

export const index = (): Promise<Response> => file(PAGE, "index.html");
export const pageFile = (request: Request): Promise<Response> => file(PAGE, nameOf(request));
export const elementsFile = (request: Request): Promise<Response> => file(ELEMENTS, nameOf(request));

function nameOf(request: Request): string {
  return new URL(request.url).pathname.split("/").at(-1) ?? "";
}
