/** What the TypeScript side downloads: from where, under which licence, and why. */

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lockOf, manifestOf, ourFolders, PUBLIC, ROOT, SDK } from "./manifest.js";

const DOCS = `${ROOT}/docs/guide/typescript-dependencies.md`;

/** Licences under which anything may be installed. MPL-2.0 is for tools alone: nothing of them is shipped. */
const LICENCES = ["MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "CC0-1.0", "Unlicense", "Zlib", "MPL-2.0"];

const REGISTRY = "https://registry.npmjs.org/";

/** Returns `name range` of everything that a manifest of ours asks for, ours left out. */
function wanted(): ReadonlySet<string> {
  const ours = new Set(ourFolders().map((folder) => manifestOf(folder).name));
  const found = ourFolders().flatMap((folder) => {
    const { dependencies, optionalDependencies, peerDependencies, devDependencies } = manifestOf(folder);
    return [dependencies, optionalDependencies, peerDependencies, devDependencies].flatMap((ranges) => Object.entries(ranges ?? {}));
  });
  return new Set(found.filter(([name]) => !ours.has(name)).map(([name, range]) => `${name} ${range}`));
}

/** Reads the rows of the table. */
function told(): readonly { readonly name: string; readonly range: string; readonly licence: string; readonly why: string }[] {
  const rows = readFileSync(DOCS, "utf8").matchAll(/^\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm);
  return [...rows].map(([, name = "", range = "", licence = "", why = ""]) => ({ name, range, licence: licence.trim(), why: why.trim() }));
}

/** Returns whether a licence expression lets us choose one that is allowed. */
function isAllowed(licence: string): boolean {
  const choices = licence.replaceAll(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((one) => LICENCES.includes(one)));
}

test("what is published needs nothing at run time", () => {
  for (const workspace of PUBLIC) {
    const { dependencies, optionalDependencies } = manifestOf(`${SDK}/${workspace}`);
    expect({ workspace, needs: { ...dependencies, ...optionalDependencies } }).toEqual({ workspace, needs: {} });
  }
});

test("every dependency stands in the table with its range, its licence and a reason, and nothing else does", () => {
  expect(told().map((row) => `${row.name} ${row.range}`).sort()).toEqual([...wanted()].sort());
  for (const { name, licence, why } of told()) {
    const folder = [SDK, ...ourFolders()].map((ours) => `${ours}/node_modules/${name}`).find(existsSync);
    if (folder !== undefined) expect({ name, licence }).toEqual({ name, licence: manifestOf(folder).license });
    expect(why.length, name).toBeGreaterThan(3);
  }
});

test("everything installed comes from the registry with a checksum, under a licence that is allowed", () => {
  for (const folder of ourFolders().filter((ours) => existsSync(`${ours}/package-lock.json`))) {
    for (const [path, { resolved, integrity, license, link }] of Object.entries(lockOf(folder))) {
      const isOurs = !path.includes("node_modules/") || link === true;
      if (isOurs) continue;
      // A lock file without addresses leaves them to the registry that npm is set to; the checksum holds all the same.
      expect(resolved ?? REGISTRY, path).toMatch(new RegExp(`^${REGISTRY}`));
      expect(integrity, path).toMatch(/^sha512-/);
      expect(isAllowed(license ?? "none"), `${path}: ${license ?? "no licence"}`).toBe(true);
    }
  }
});

test("a licence is allowed when one of its choices is", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["MIT", true],
    ["(GPL-3.0 OR MIT)", true],
    ["MIT AND Apache-2.0", true],
    ["MIT AND GPL-3.0", false],
    ["GPL-3.0", false],
    ["none", false],
  ];
  for (const [licence, expected] of cases) expect(isAllowed(licence), licence).toBe(expected);
});
