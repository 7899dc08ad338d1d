/** What the pages weigh: the build fails when what opening them loads outgrows its bound. */

import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/**
 * What the first page may weigh, in bytes of gzip: the frame and the overview, with their styles. 2.8 s at 400 kbit/s, what a telephone has
 * where its connection is bad.
 */
const FIRST_BYTES_MAX = 140_000;
/** What it may weigh with what draws its charts, which is loaded once one of them can be seen. */
const DRAWN_BYTES_MAX = 160_000;
/** What all of it may weigh, in bytes of gzip: it is in every binary. */
const ALL_BYTES_MAX = 210_000;
/** What is loaded with the first page besides the frame, and what draws its charts. */
const FIRST_PAGES = ["/pages/home.tsx"];
const DRAWN = "/pages/overview/draw.ts";

type Bundle = Parameters<Extract<NonNullable<Plugin["generateBundle"]>, (...args: never) => unknown>>[1];

/** Returns the files that the frame and these pages load. */
export function loadedBy(bundle: Bundle, pages: readonly string[]): ReadonlySet<string> {
  const loaded = new Set<string>();
  const load = (name: string): void => {
    const file = bundle[name];
    if (file === undefined || loaded.has(name)) return;
    loaded.add(name);
    if (file.type !== "chunk") return;
    for (const style of file.viteMetadata?.importedCss ?? []) load(style);
    for (const imported of file.imports) load(imported);
  };
  for (const file of Object.values(bundle)) {
    if (file.type !== "chunk") continue;
    if (file.isEntry || pages.some((page) => file.facadeModuleId?.endsWith(page) === true)) load(file.fileName);
  }
  return loaded;
}

const weightOf = (bundle: Bundle, names: Iterable<string>): number => {
  const contents = [...names].map((name) => bundle[name]).map((file) => (file === undefined ? "" : file.type === "chunk" ? file.code : file.source));
  return contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
};

/** Weighs what was built. */
export function weighed(): Plugin {
  return {
    name: "weighed",
    apply: "build",
    enforce: "post",
    generateBundle(_, bundle) {
      const pages = [...FIRST_PAGES, DRAWN].filter((page) => !Object.values(bundle).some((file) => file.type === "chunk" && file.facadeModuleId?.endsWith(page) === true));
      if (pages.length > 0) this.error(`${pages.join(" and ")} is not loaded by itself any more: say in size.ts what the first page loads`);
      for (const [what, bytes, most] of [
        ["the first page", weightOf(bundle, loadedBy(bundle, FIRST_PAGES)), FIRST_BYTES_MAX],
        ["the first page with its charts", weightOf(bundle, loadedBy(bundle, [...FIRST_PAGES, DRAWN])), DRAWN_BYTES_MAX],
        ["the dashboard", weightOf(bundle, Object.keys(bundle)), ALL_BYTES_MAX],
      ] as const) {
        if (bytes > most) this.error(`${what} weighs ${bytes} bytes with gzip; its bound is ${most}`);
        this.info(`${what}: ${bytes} of ${most} bytes with gzip`);
      }
    },
  };
}
