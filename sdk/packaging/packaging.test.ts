/** What `npm pack` makes, installed into an empty folder: it works in Node, in Vite and with TypeScript, as a stranger finds it. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manifestOf, PUBLIC, ROOT, SDK } from "./manifest.js";

/** What npm says of a package that it made. */
interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** Longest run of a program. */
const RUN_MS_MAX = 240_000;

let folder: string;
let packed: readonly Packed[];

/** Runs a program of Node and returns what it prints; what it complains of is in the error. */
function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: RUN_MS_MAX });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout ?? ""}${stderr ?? ""}`, { cause: error });
  }
}

const tool = (name: string, ...args: readonly string[]): string => run(process.execPath, [join(SDK, "node_modules", ...name.split("/")), ...args], folder);

/** Returns what an app writes behind `import`, for everything that is published. */
function imports(): readonly string[] {
  return PUBLIC.flatMap((workspace) => {
    const { name, exports } = manifestOf(`${SDK}/${workspace}`);
    const paths = Object.entries(exports ?? {}).filter(([, target]) => typeof target === "object");
    return paths.map(([path]) => name + path.slice(1));
  });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "syncline-packaging-"));
  // What is published is built from nothing: a source that was removed would leave its build behind.
  for (const workspace of PUBLIC) {
    for (const built of ["dist", "tsconfig.tsbuildinfo"]) rmSync(`${SDK}/${workspace}/${built}`, { recursive: true, force: true });
  }
  run("npm", ["run", "build"], SDK);
  packed = PUBLIC.flatMap((workspace) => {
    const said = run("npm", ["pack", "--json", "--silent", "--ignore-scripts", "--pack-destination", folder], `${SDK}/${workspace}`);
    const told: unknown = JSON.parse(said);
    // Later versions of npm answer an object by name.
    return (Array.isArray(told) ? told : Object.values(told as object)) as Packed[];
  });
  const { devDependencies } = manifestOf(`${SDK}/react`);
  const brought = ["react", "react-dom", "@types/react"].map((name) => `${name}@${devDependencies?.[name] ?? "*"}`);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "an-app", private: true, type: "module" }));
  run("npm", ["install", "--silent", "--no-audit", "--no-fund", ...packed.map(({ filename }) => `./${filename}`), ...brought], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the tarballs", () => {
  test("hold what their exports name, a page to read and the licences, and neither tests nor leftovers", () => {
    expect(packed.map(({ name }) => name)).toEqual(PUBLIC.map((workspace) => manifestOf(`${SDK}/${workspace}`).name));
    for (const [at, workspace] of PUBLIC.entries()) {
      const paths = (packed[at]?.files ?? []).map(({ path }) => path);
      const targets = Object.values(manifestOf(`${SDK}/${workspace}`).exports ?? {}).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)));
      for (const target of targets) expect(paths).toContain(target.replace("./", ""));
      for (const page of ["README.md", "LICENSE-MIT", "LICENSE-APACHE"]) expect(paths).toContain(page);
      expect(paths.filter((path) => /test|tsbuildinfo/.test(path))).toEqual([]);
      const orphans = paths.filter((path) => path.startsWith("dist/") && path.endsWith(".js")).filter((path) => {
        const source = `${SDK}/${workspace}/${path.replace("dist/", "src/").slice(0, -".js".length)}`;
        return !existsSync(`${source}.ts`) && !existsSync(`${source}.tsx`);
      });
      expect(orphans).toEqual([]);
    }
  });

  test("hold the licences of the repository, word for word", () => {
    for (const workspace of PUBLIC) {
      for (const page of ["LICENSE-MIT", "LICENSE-APACHE"]) {
        expect(readFileSync(`${SDK}/${workspace}/${page}`, "utf8")).toBe(readFileSync(`${ROOT}/${page}`, "utf8"));
      }
    }
  });

  test("bring nothing else along", () => {
    const installed = readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."));
    expect(installed.sort()).toEqual(["@syncline", "@types", "csstype", "react", "react-dom", "scheduler"]);
  });
});

describe("in Node", () => {
  test("every import is there and exports something", () => {
    const names = JSON.stringify(imports());
    const said = run(process.execPath, ["--input-type=module", "-e", `for (const name of ${names}) console.log(name, Object.keys(await import(name)).length > 0)`], folder);
    expect(said.trim().split("\n")).toEqual(imports().map((name) => `${name} true`));
  });

  test("an edit is shown, waits for a hub, and is there after the next start", () => {
    const program = `
      import { open } from "@syncline/client";
      import { memory } from "@syncline/client/memory";
      const storage = memory();
      const first = await open({ name: "notes", storage });
      await first.edit("notes", "n1", (edit) => edit.set("/title", "Hello"));
      await first.close();
      const second = await open({ name: "notes", storage });
      const shown = second.get("notes", "n1");
      console.log(JSON.stringify([shown.value, shown.pending, second.status().pending]));
      await second.close();`;
    writeFileSync(join(folder, "app.mjs"), program);
    expect(JSON.parse(run(process.execPath, ["app.mjs"], folder))).toEqual([{ title: "Hello" }, true, 1]);
  });
});

test("Vite bundles every import", () => {
  const lines = imports().map((name, at) => `import * as m${at} from ${JSON.stringify(name)};`);
  const uses = imports().map((_, at) => `m${at}`);
  mkdirSync(join(folder, "site"), { recursive: true });
  writeFileSync(join(folder, "site/index.html"), `<!doctype html><title>An app</title><script type="module" src="./main.js"></script>`);
  writeFileSync(join(folder, "site/main.js"), `${lines.join("\n")}\nconsole.log(${uses.map((use) => `Object.keys(${use})`).join(", ")});`);
  tool("vite/bin/vite.js", "build", "site", "--logLevel", "warn");
  expect(existsSync(join(folder, "site/dist/index.html"))).toBe(true);
});

test.each([
  ["node16", "node16"],
  ["esnext", "bundler"],
])("TypeScript with module %s finds the types by moduleResolution %s", (module, moduleResolution) => {
  const lines = imports().map((name, at) => `import * as m${at} from ${JSON.stringify(name)};\nexport type K${at} = keyof typeof m${at};`);
  const app = `
import { open, SynclineError, type Client, type Shown } from "@syncline/client";
export async function start(): Promise<string> {
  const client: Client = await open({ name: "notes" });
  const note: Shown<{ title: string }> | undefined = client.get<{ title: string }>("notes", "n1");
  // @ts-expect-error There is no such option.
  await open({ nane: "notes" });
  // @ts-expect-error Types are there: it is not any.
  const wrong: number = client.id;
  return note?.value.title ?? new SynclineError("CODE", String(wrong)).code;
}`;
  writeFileSync(join(folder, "app.ts"), `${lines.join("\n")}\n${app}\n`);
  const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--types", "", "--module", module, "--moduleResolution", moduleResolution];
  // Libraries are checked, too: what they declare must stand on its own.
  tool("typescript/bin/tsc", ...options, "--skipLibCheck", "false", "app.ts");
});
