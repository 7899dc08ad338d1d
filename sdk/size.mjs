/**
 * Prints what each import costs a page, and fails when something outgrows its bound or a table in the docs is out of date.
 *
 * `node size.mjs` checks, `node size.mjs --write` brings the tables up to date. Everything an entry exports is bundled and
 * minified by Vite and compressed by Brotli at its best, the elements by gzip: an app that uses less pays less.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";

/** What the core may weigh, in bytes of Brotli. */
const CORE_BYTES_MAX = 15 * 1024;
/** What the elements may weigh, all three together, in bytes of gzip: pages that are served by what knows no Brotli, too. */
const ELEMENTS_BYTES_MAX = 6 * 1024;
/** How far a row of the table may be from the truth, in bytes: a change that weighs nothing need not touch the docs. */
const TOLERANCE_BYTES = 205;

const DOCS = fileURLToPath(new URL("../docs/guide/web-sizes.md", import.meta.url));
const DOCS_OF_ELEMENTS = fileURLToPath(new URL("../docs/guide/elements.md", import.meta.url));
const BEGIN = "<!-- sizes: written by `npm run size -- --write` in sdk/ -->";
const END = "<!-- end of sizes -->";

/** Returns `import` and file of everything that a workspace exports. */
function entriesOf(workspace) {
  const folder = new URL(`./${workspace}/`, import.meta.url);
  const { name, exports } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([path, target]) => {
      const source = target.default.replace("./dist/", "./src/").replace(/\.js$/, "");
      const file = ["ts", "tsx"].map((end) => fileURLToPath(new URL(`${source}.${end}`, folder))).find(isThere);
      return { name: name + path.slice(1), file, source };
    });
}

function isThere(file) {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Parts of the core that are loaded when they are needed, by the module that each begins with. */
const LATER = [
  ["loaded once a hub's address is given", "client/src/connection/connect.ts"],
  ["loaded where WebSockets do not work", "client/src/connection/events.ts"],
  ["loaded to compare with the hub", "client/src/store/check.ts"],
  ["loaded where the browser may evict what is stored", "client/src/storage/persistence.ts"],
  ["loaded where an app names no storage", "client/src/storage/own.ts"],
  ["loaded to show and decide conflicts", "client/src/connection/conflicts.ts"],
];

/**
 * Returns what a module with this text weighs in bytes, bundled, minified and compressed: what is loaded with it, and what each
 * part weighs more that it loads later, by the module that this begins with.
 */
async function weigh(text, external, compress = brotliCompressSync) {
  const entry = "\0entry";
  const result = await build({
    root: fileURLToPath(new URL(".", import.meta.url)),
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "entry",
        enforce: "pre",
        // Vite resolves the entry of a library to a file beside the root.
        resolveId: (id) => (id.endsWith("/entry") || id === "entry" ? entry : undefined),
        load: (id) => (id === entry ? text : undefined),
      },
    ],
    build: {
      write: false,
      minify: true,
      target: "es2022",
      // As a library: without what Vite adds to a page for loading parts.
      lib: { entry: "entry", formats: ["es"], fileName: "entry" },
      // Without the hashes of their names, by which a part would weigh more or less whenever another one changes.
      rolldownOptions: { external, output: { minify: true, chunkFileNames: "[name].js" } },
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  const chunks = new Map(outputs.flatMap(({ output }) => output).flatMap((part) => (part.type === "chunk" ? [[part.fileName, part]] : [])));
  const closure = (name, known) => {
    const chunk = chunks.get(name);
    if (chunk === undefined || known.has(chunk)) return known;
    known.add(chunk);
    for (const imported of chunk.imports) closure(imported, known);
    return known;
  };
  const bytesOf = (set) => compress([...set].map(({ code }) => code).join("")).length;
  const first = closure([...chunks.values()].find(({ isEntry }) => isEntry).fileName, new Set());
  // In the order in which they are loaded: what one has brought the next need not.
  const later = new Map();
  const loaded = new Set(first);
  const parts = [...chunks.values()].filter(({ isDynamicEntry }) => isDynamicEntry);
  for (const [, module] of LATER) {
    const part = parts.find(({ facadeModuleId }) => facadeModuleId === fileURLToPath(new URL(module, import.meta.url)));
    if (part === undefined) continue;
    const more = [...closure(part.fileName, new Set())].filter((one) => !loaded.has(one));
    more.forEach((one) => loaded.add(one));
    later.set(module, bytesOf(more));
  }
  return { bytes: bytesOf(first), later };
}

/** Returns the rows of the table: what an entry weighs alone, and what it adds to a page that has the core. */
async function measure() {
  const rows = [];
  const missing = (entry) => {
    if (entry.file === undefined) faults.push(`${entry.name} has no source ${entry.source}.ts`);
    return entry.file === undefined;
  };
  const [core, ...subpaths] = entriesOf("client").filter((entry) => !missing(entry));
  const all = (entry) => `export * from ${JSON.stringify(entry.file)};`;
  const { bytes: coreBytes, later } = await weigh(all(core), []);
  rows.push({ name: core.name, alone: coreBytes, added: coreBytes });
  for (const [what, module] of LATER) {
    const bytes = later.get(module);
    if (bytes === undefined) faults.push(`${module} is not loaded later any more`);
    else rows.push({ name: `${core.name}, ${what}`, alone: bytes, added: bytes });
  }
  for (const entry of subpaths) {
    const both = await weigh(`${all(core)} export * as more from ${JSON.stringify(entry.file)};`, []);
    rows.push({ name: entry.name, alone: (await weigh(all(entry), [])).bytes, added: both.bytes - coreBytes });
  }
  for (const entry of entriesOf("react").filter((entry) => !missing(entry))) {
    const { bytes: alone } = await weigh(all(entry), [/^react($|[/-])/, /^@syncline\/client/]);
    rows.push({ name: entry.name, alone, added: alone });
  }
  return rows;
}

/** Returns the rows of the elements, in gzip and without React. */
async function measureElements() {
  const rows = [];
  for (const { name, file } of entriesOf("elements")) {
    // What defines elements is used by being imported.
    const text = `import ${JSON.stringify(file)}; export * from ${JSON.stringify(file)};`;
    const { bytes } = await weigh(text, [/^react($|[/-])/], (code) => gzipSync(code, { level: 9 }));
    rows.push({ name, sizes: [bytes] });
  }
  return rows;
}

const kilobytes = (bytes) => `${(Math.max(0, bytes) / 1024).toFixed(1)} KB`;

function tableOf(head, rows) {
  const lines = rows.map(({ name, sizes }) => `| \`${name}\` |${sizes.map((bytes) => ` ${kilobytes(bytes)} |`).join("")}`);
  return [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...lines].join("\n");
}

/** Returns what is wrong with the table that the docs hold. */
function faultsOf(rows, table) {
  const told = new Map([...table.matchAll(/^\| `(.+)` \|((?: [\d.]+ KB \|)+)$/gm)].map(([, name, sizes]) => [name, [...sizes.matchAll(/[\d.]+/g)].map(Number)]));
  const faults = [];
  for (const { name, sizes } of rows) {
    const row = told.get(name);
    told.delete(name);
    const isTrue = row?.length === sizes.length && sizes.every((bytes, at) => Math.abs(bytes - row[at] * 1024) <= TOLERANCE_BYTES);
    if (!isTrue) faults.push(`the table says of ${name}: ${row?.join(" and ") ?? "nothing"}`);
  }
  for (const name of told.keys()) faults.push(`the table has ${name}, which is not there`);
  return faults;
}

/** Prints a table, and writes it into its page or looks whether the page is true. */
function account(docs, head, rows) {
  const made = tableOf(head, rows);
  console.log(`${made}\n`);
  const [before, rest] = readFileSync(docs, "utf8").split(BEGIN);
  const [table, after] = rest?.split(END) ?? [];
  if (table === undefined || after === undefined) throw new Error(`${docs} has no place for the table`);
  if (process.argv.includes("--write")) writeFileSync(docs, `${before}${BEGIN}\n\n${made}\n\n${END}${after}`);
  else faults.push(...faultsOf(rows, table));
}

const faults = [];
const rows = await measure();
const elements = await measureElements();
account(DOCS, ["Import", "Alone", "Adds to the core"], rows.map(({ name, alone, added }) => ({ name, sizes: [alone, added] })));
account(DOCS_OF_ELEMENTS, ["Import", "Weighs"], elements);
if (faults.length > 0) faults.push("`npm run size -- --write` in sdk/ brings it up to date");
for (const [what, bytes, most] of [["the core", rows[0].alone, CORE_BYTES_MAX], ["the elements", elements[0].sizes[0], ELEMENTS_BYTES_MAX]]) {
  if (bytes > most) faults.push(`${what} weighs ${bytes} bytes; its bound is ${most}`);
  console.log(`${what}: ${bytes} of ${most} bytes`);
}
for (const fault of faults) console.error(`error: ${fault}`);
process.exitCode = faults.length > 0 ? 1 : 0;
