/**
 * A reporter for vitest that writes what failed into the file that `FAILURES` names: for each test its name in a line, and below it,
 * indented, the beginning of its message; the same for a file that could not be read and for an error that belongs to no test.
 * `cargo xtask` repeats it at the end of everything, so that the last page of a long log says what to look for.
 */

import { appendFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Longest message, in lines: the rest stands in the log. */
const LINES_MAX = 8;

export default class Failures {
  #file = process.env.FAILURES;
  #root = process.cwd();

  onInit(vitest) {
    this.#root = vitest.config?.root ?? this.#root;
    // Nothing of an earlier run is taken for this one's.
    if (this.#file !== undefined) writeFileSync(this.#file, "");
  }

  onTestRunEnd(modules, unhandled) {
    const found = [];
    for (const module of modules) {
      const file = `${module.project.name ? `${module.project.name} ` : ""}${relative(this.#root, module.moduleId)}`;
      for (const error of module.errors()) found.push([file, error]);
      for (const suite of module.children.allSuites()) for (const error of suite.errors()) found.push([`${file} > ${suite.fullName}`, error]);
      for (const test of module.children.allTests("failed")) found.push([`${file} > ${test.fullName}`, test.result().errors?.[0]]);
    }
    for (const error of unhandled) found.push(["an error that belongs to no test", error]);
    const text = found.map(([name, error]) => `${inOneLine(name)}\n${beginningOf(error)}`).join("");
    if (this.#file !== undefined) appendFileSync(this.#file, text);
  }
}

function inOneLine(text) {
  return text.replaceAll(/\s+/g, " ");
}

/** Returns the first lines of what an error says, and the first place of ours that it names. */
function beginningOf(error) {
  const { name = "Error", message = "", stack = "", diff } = error ?? {};
  const place = stack.split("\n").find((line) => /^\s*at .*\/sdk\/(?!.*node_modules)/.test(line));
  const said = [`${name}: ${message}`, ...(diff === undefined ? [] : [diff])].flatMap((part) => stripVTControlCharacters(part).split("\n"));
  const lines = [...said.filter((line) => line.trim() !== "").slice(0, place === undefined ? LINES_MAX : LINES_MAX - 1), ...(place === undefined ? [] : [place.trim()])];
  return lines.map((line) => `  ${line}\n`).join("");
}
