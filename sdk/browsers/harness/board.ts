/** The example `examples/task-board`, as a stranger has it: its hub and its page. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { type Pages, servePages } from "./pages.js";
import { freePort, until } from "./process.js";
import type { Tab } from "./tab.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const EXAMPLE = at("../../../examples/task-board");
const PAGE = at("../dist/board");
const PROGRAM = process.env["SYNCLINE_BIN"] ?? at("../../../target/debug/syncline");

/** A board that is served. */
export interface Board {
  /** Links by the name of their person. */
  readonly links: ReadonlyMap<string, string>;
  readonly pages: Pages;
  /** Ends the hub in the middle of whatever it does. */
  kill(): Promise<void>;
  /** Starts it again where it was. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Builds the page of the sources of client and hooks, so that nothing else must have been built, and returns its folder. */
export async function buildPage(): Promise<string> {
  await build({
    root: EXAMPLE,
    mode: "production",
    // A test runner says "test", and React would be the one for development.
    define: { "process.env.NODE_ENV": JSON.stringify("production") },
    oxc: { jsx: { runtime: "automatic", development: false } },
    configFile: false,
    // How long a plugin took is a warning, too.
    logLevel: "error",
    resolve: {
      alias: [
        { find: /^@syncline\/client$/, replacement: at("../pages/watched.ts") },
        { find: /^@syncline\/client\/(\w+)$/, replacement: `${at("../../client/src/")}$1/index.ts` },
        { find: "@syncline/react", replacement: at("../../react/src/index.ts") },
        { find: /^(react|react-dom)(?=\/|$)/, replacement: `${at("../../node_modules/")}$1` },
      ],
    },
    build: { outDir: PAGE, emptyOutDir: true },
  });
  return PAGE;
}

/** Serves the board. */
export async function serveBoard(): Promise<Board> {
  const pages = await servePages(await buildPage());
  const folder = mkdtempSync(join(tmpdir(), "syncline-board-"));
  const port = await freePort();
  const links = new Map<string, string>();
  let program: ChildProcess | undefined;
  const env = { ...process.env, SYNCLINE_BIN: PROGRAM, BOARD_PAGE: pages.origin, BOARD_LISTEN: `127.0.0.1:${port}`, BOARD_STATE: join(folder, "state") };
  const start = async (): Promise<void> => {
    const child = spawn(process.execPath, [join(EXAMPLE, "hub/start.js")], { env, stdio: ["ignore", "pipe", "inherit"] });
    program = child;
    let lines = 0;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, name, link] = /^ {2}(\w+) +(http\S+)$/.exec(line) ?? [];
      if (name === undefined || link === undefined) return;
      links.set(name, link);
      lines += 1;
    });
    await until("the hub of the board has said both links", () => {
      if (child.exitCode !== null) throw new Error("the hub of the board has ended");
      return lines === 2;
    });
  };
  const kill = async (): Promise<void> => {
    const child = program;
    if (child === undefined) return;
    child.kill("SIGTERM");
    await until("the hub of the board has ended", () => child.exitCode !== null);
  };
  await start();
  return {
    links,
    pages,
    start,
    kill,
    stop: async () => {
      await kill();
      await pages.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A person in front of a board: looks and acts as one does, by the names that are shown. */
export class Person {
  readonly tab: Tab;

  constructor(tab: Tab) {
    this.tab = tab;
  }

  /** Waits until a function of the page holds. */
  async sees<Args extends readonly unknown[]>(what: string, holds: (...args: Args) => boolean, ...args: Args): Promise<void> {
    await until(what, () => this.tab.run(holds, ...args)).catch(async (error: Error) => {
      throw new Error(`${error.message}; the page says: ${await this.tab.run(() => document.body.innerText)}`);
    });
  }

  /** Waits until a field has a value. */
  holds(label: string, value: string): Promise<void> {
    return this.sees(`${label} is ${value}`, (label, value) => [...document.querySelectorAll<HTMLInputElement>(`[aria-label="${label}"]`)].some((field) => field.value === value), label, value);
  }

  says(text: string): Promise<void> {
    return this.sees(`the page says ${text}`, (text) => document.body.innerText.includes(text), text);
  }

  /** Types at the end of a field, as keys do. */
  async types(label: string, text: string): Promise<void> {
    await this.holdsField(label);
    await this.tab.run(
      (label, text) => {
        const field = document.querySelector<HTMLTextAreaElement>(`[aria-label="${label}"]`);
        field?.focus();
        field?.setSelectionRange(field.value.length, field.value.length);
        document.execCommand("insertText", false, text);
      },
      label,
      text,
    );
  }

  /** Gives a note another name. */
  async renames(from: string, to: string): Promise<void> {
    await this.tab.run(
      (from, to) => {
        const field = [...document.querySelectorAll<HTMLInputElement>("input.title")].find(({ value }) => value === from);
        if (field === undefined) throw new Error(`no note is called ${from}`);
        field.focus();
        field.select();
        document.execCommand("insertText", false, to);
        field.blur();
      },
      from,
      to,
    );
  }

  /** Presses what has this name. */
  async presses(name: string): Promise<void> {
    const find = (name: string): boolean => {
      const named = [...document.querySelectorAll<HTMLElement>("button, label")].find((one) => (one.getAttribute("aria-label") ?? one.innerText).trim() === name);
      named?.click();
      return named !== undefined;
    };
    await this.sees(`there is something called ${name} to press`, find, name);
  }

  private holdsField(label: string): Promise<void> {
    return this.sees(`there is a field called ${label}`, (label) => document.querySelector(`[aria-label="${label}"]`) !== null, label);
  }
}
