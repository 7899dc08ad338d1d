/** What is wrong with a page for those who do not see it, or use no mouse. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Tab } from "./tab.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns what axe finds wrong with a page, and where. */
export function complaints(tab: Tab): Promise<readonly string[]> {
  return tab.run(async (source) => {
    interface Axe {
      run(): Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }>;
    }
    const page = window as unknown as { axe?: Axe; eval(source: string): void };
    if (page.axe === undefined) page.eval(source);
    if (page.axe === undefined) throw new Error("axe is not there");
    const { violations } = await page.axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
  }, AXE);
}
