import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { SyncDataFreshnessElement, SyncLastUpdatedElement, SyncStatusElement } from "../src/index.js";
import { COLOURS } from "../src/look.js";

interface Declaration {
  readonly tagName: string;
  readonly name: string;
  readonly attributes: readonly { readonly name: string; readonly fieldName?: string; readonly default?: string }[];
  readonly members: readonly { readonly name: string; readonly attribute: string }[];
  readonly cssProperties: readonly { readonly name: string }[];
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const text = readFileSync(join(ROOT, "custom-elements.json"), "utf8");
const { schemaVersion, modules } = JSON.parse(text) as { schemaVersion: string; modules: readonly { readonly path: string; readonly declarations: readonly Declaration[] }[] };

test("custom-elements.json says of every element what it is", () => {
  expect(schemaVersion).toBe("1.0.0");
  const told = modules.flatMap(({ declarations }) => declarations);
  const elements = [SyncLastUpdatedElement, SyncStatusElement, SyncDataFreshnessElement];
  expect(told.map(({ name }) => name)).toEqual(elements.map(({ name }) => name));
  for (const [at, declaration] of told.entries()) {
    const element = elements[at];
    expect(customElements.get(declaration.tagName)).toBe(element);
    // `lang` is an attribute of every element.
    expect(declaration.attributes.map(({ name }) => name)).toEqual(element?.observedAttributes.filter((name) => name !== "lang"));
    expect(declaration.members.map(({ attribute }) => attribute)).toEqual(declaration.attributes.filter(({ fieldName }) => fieldName).map(({ name }) => name));
    const fresh = document.createElement(declaration.tagName) as unknown as Record<string, unknown>;
    for (const { name } of declaration.members) expect(name in fresh, name).toBe(true);
    for (const { fieldName, default: value } of declaration.attributes) {
      if (fieldName !== undefined && value !== undefined && value !== "unknown") expect(String(fresh[fieldName]), fieldName).toBe(value);
    }
    const colours = declaration.cssProperties.map(({ name }) => name).filter((name) => name.startsWith("--sync-color-"));
    for (const name of colours) expect(Object.keys(COLOURS)).toContain(name.slice("--sync-color-".length));
  }
  for (const { path } of modules) expect(existsSync(join(ROOT, path.replace("dist/", "src/").replace(/js$/, "ts"))), path).toBe(true);
});
