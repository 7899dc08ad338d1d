/**
 * Prints what each import costs a page, and fails when the core outgrows its bound or the table in the docs is out of date.
 *
 * `node size.mjs` checks, `node size.mjs --write` brings the table up to date. Everything an entry exports is bundled and
 * minified by Vite and compressed by Brotli at its best: an app that uses less pays less.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { build } from "vite";

/** What the core may weigh, in bytes of Brotli. */
const CORE_BYTES_MAX = 15 * 1024;
/** How far a row of the table may be from the truth, in bytes: a change that weighs nothing need not touch the docs. */
const TOLERANCE_BYTES = 205;

const DOCS = fileURLToPath(new URL("../docs/guide/web-sizes.md", import.meta.url));
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
async function weigh(text, external) {
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
      rolldownOptions: { external, output: { minify: true } },
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
  const bytesOf = (set) => brotliCompressSync([...set].map(({ code }) => code).join("")).length;
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

const kilobytes = (bytes) => `${(Math.max(0, bytes) / 1024).toFixed(1)} KB`;

function tableOf(rows) {
  const lines = rows.map((row) => `| \`${row.name}\` | ${kilobytes(row.alone)} | ${kilobytes(row.added)} |`);
  return ["| Import | Alone | Adds to the core |", "|---|---|---|", ...lines].join("\n");
}

/** Returns what is wrong with the table that the docs hold. */
function faultsOf(rows, table) {
  const told = new Map([...table.matchAll(/^\| `(.+)` \| ([\d.]+) KB \| ([\d.]+) KB \|$/gm)].map((row) => [row[1], [row[2], row[3]]]));
  const faults = [];
  for (const { name, alone, added } of rows) {
    const row = told.get(name);
    told.delete(name);
    const isTrue = row !== undefined && [alone, added].every((bytes, at) => Math.abs(bytes - Number(row[at]) * 1024) <= TOLERANCE_BYTES);
    if (!isTrue) faults.push(`the table says of ${name}: ${row?.join(" and ") ?? "nothing"}`);
  }
  for (const name of told.keys()) faults.push(`the table has ${name}, which is not there`);
  return faults;
}

const faults = [];
const rows = await measure();
console.log(tableOf(rows));
const text = readFileSync(DOCS, "utf8");
const [before, rest] = text.split(BEGIN);
const [table, after] = rest?.split(END) ?? [];
if (table === undefined || after === undefined) throw new Error(`${DOCS} has no place for the table`);
if (process.argv.includes("--write")) writeFileSync(DOCS, `${before}${BEGIN}\n\n${tableOf(rows)}\n\n${END}${after}`);
else faults.push(...faultsOf(rows, table));
if (faults.length > 0) faults.push("`npm run size -- --write` in sdk/ brings it up to date");
if (rows[0].alone > CORE_BYTES_MAX) faults.push(`the core weighs ${rows[0].alone} bytes; its bound is ${CORE_BYTES_MAX}`);
for (const fault of faults) console.error(`error: ${fault}`);
console.log(`core: ${rows[0].alone} of ${CORE_BYTES_MAX} bytes`);
process.exitCode = faults.length > 0 ? 1 : 0;
