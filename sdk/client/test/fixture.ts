/** Golden files at the root of the repository, which every client reads. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../../fixtures/", import.meta.url);

/** Returns the bytes of a file of `fixtures/`. */
export function fixtureBytes(path: string): Uint8Array {
  return readFileSync(new URL(path, ROOT));
}

/** Returns the text of a file of `fixtures/`. */
export function fixture(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** Returns the names of the files in a folder of `fixtures/`, sorted. */
export function fixtureNames(folder: string): readonly string[] {
  return readdirSync(fileURLToPath(new URL(folder, ROOT))).sort();
}
