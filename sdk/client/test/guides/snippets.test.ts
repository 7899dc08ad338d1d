/** What the guides show is what compiles. */

import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SDK = at("../../..");
const GUIDES = at("../../../../docs/guide");

interface Snippet {
  /** File and line, so that a complaint leads to the place. */
  readonly place: string;
  readonly extension: string;
  readonly text: string;
}

/** Returns the TypeScript of a page. */
function snippetsOf(page: string, text: string): readonly Snippet[] {
  const found: Snippet[] = [];
  for (const match of text.matchAll(/^([ \t]*)```(tsx?)\n([\s\S]*?)^[ \t]*```$/gm)) {
    const [, indent = "", extension = "ts", body = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    found.push({ place: `${page}-${line}`, extension, text: body.replaceAll(new RegExp(`^${indent}`, "gm"), "") });
  }
  return found;
}

/** Returns what the compiler says of snippets. */
async function compile(snippets: readonly Snippet[]): Promise<string> {
  mkdirSync(join(SDK, ".vitest"), { recursive: true });
  const folder = mkdtempSync(join(SDK, ".vitest", "snippets-"));
  try {
    // Each is a module of its own.
    for (const { place, extension, text } of snippets) writeFileSync(join(folder, `${place}.${extension}`), `${text}\nexport {};\n`);
    for (const given of ["given.d.ts", "expo.d.ts"]) copyFileSync(at(given), join(folder, given));
    const sources = (name: string): readonly string[] => [`../../${name}`];
    const paths = {
      "@syncline/client": sources("client/src/index.ts"),
      "@syncline/client/sqlite": sources("client/src/storage/sqlite.ts"),
      "@syncline/client/expo": sources("client/src/storage/expo.ts"),
      "@syncline/client/*": sources("client/src/*/index.ts"),
      "@syncline/react": sources("react/src/index.ts"),
      "@syncline/app": sources("app/src/index.ts"),
      "@syncline/app/*": sources("app/src/*.ts"),
      "@syncline/elements": sources("elements/src/index.ts"),
      "@syncline/elements/*": sources("elements/src/*.ts"),
    };
    const compilerOptions = {
      composite: false, declaration: false, declarationMap: false, sourceMap: false, noEmit: true, noUnusedLocals: false,
      module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", types: ["node"], paths,
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.base.json", compilerOptions, include: ["."] }));
    const compiler = join(SDK, "node_modules/typescript/bin/tsc");
    return await new Promise((resolve) => {
      execFile(process.execPath, [compiler, "-p", folder, "--pretty", "false"], { cwd: folder }, (error, stdout, stderr) => resolve(error ? stdout + stderr : ""));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pages(): readonly string[] {
  const guides = readdirSync(GUIDES).filter((name) => /^(web.*|elements|app)\.md$/.test(name)).map((name) => join(GUIDES, name));
  return [...guides, ...["README.md", "client/README.md", "react/README.md", "elements/README.md", "app/README.md"].map((name) => join(SDK, name))];
}

test("every snippet of the guides compiles as it stands", { timeout: 120_000 }, async () => {
  const snippets = pages().flatMap((page) => {
    const name = basename(page, ".md");
    return snippetsOf(name === "README" ? basename(dirname(page)) : name, readFileSync(page, "utf8"));
  });
  expect(snippets.length).toBeGreaterThan(15);
  expect(await compile(snippets)).toBe("");
});

test("a snippet that does not compile is named by its page and line", { timeout: 120_000 }, async () => {
  const page = "# Page\n\n```ts\nawait client.edit(\"notes\", \"n1\", (note) => note.sett(\"/title\", \"A\"));\n```\n";
  const said = await compile(snippetsOf("page", page));
  expect(said).toContain("page-3.ts");
  expect(said).toContain("sett");
});
