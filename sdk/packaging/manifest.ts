/** The `package.json` of every workspace, and what is installed. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The root of the workspaces. */
export const SDK = fileURLToPath(new URL("..", import.meta.url));
/** Workspaces that are published. */
export const PUBLIC = ["client", "react", "elements", "app"] as const;

/** What is read of a `package.json`. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly workspaces?: readonly string[];
  readonly exports?: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** One line of `package-lock.json`. */
export interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
}

/** Returns the folders with a `package.json` that is ours: the workspaces, their root, the dashboard and the examples. */
export function ourFolders(): readonly string[] {
  const examples = readdirSync(`${ROOT}/examples`).map((name) => `${ROOT}/examples/${name}`);
  const workspaces = (manifestOf(SDK).workspaces ?? []).map((name) => `${SDK}/${name}`);
  return [SDK, ...workspaces, `${ROOT}/dashboard`, ...examples].filter(hasManifest);
}

function hasManifest(folder: string): boolean {
  try {
    return manifestOf(folder).name.length > 0;
  } catch {
    return false;
  }
}

export function lockOf(folder: string): Readonly<Record<string, Locked>> {
  const lock = JSON.parse(readFileSync(`${folder}/package-lock.json`, "utf8")) as { packages: Record<string, Locked> };
  return lock.packages;
}
