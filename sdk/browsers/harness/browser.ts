/** A browser that a test starts, and what can happen to it. */

import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Builder, Capabilities, type WebDriver } from "selenium-webdriver";
import { family, freePort, isRunning, kill, type ProcessFacts, start, stop, until } from "./process.js";
import { Tab, type TabHost } from "./tab.js";

/** Browsers there are. */
export type Kind = "chromium" | "firefox" | "webkit";

/** How one is started. */
interface Recipe {
  readonly driver: (port: number) => readonly [program: string, ...args: string[]];
  readonly capabilities: (profile: string) => Record<string, unknown>;
  /** The name of the capability that tells the process. */
  readonly pid: string | undefined;
}

/** How long a tab works to show its process: many ticks of the system's clock, of which a second has a hundred. */
const WORK_MS = 500;
/** Longest that a function in a tab may take: longer than the page itself waits for something (`WAIT_MS_MAX` of `pages/main.ts`). */
const SCRIPT_MS_MAX = 150_000;
/** How often a driver is started on another port, since somebody else had taken the one that was free. */
const PORTS_MAX = 3;
/** How often the folder of a browser is removed before it is left behind, and how long to wait in between. */
const REMOVALS_MAX = 20;
const REMOVAL_MS = 250;

const GECKODRIVER = fileURLToPath(new URL("../../../target/tools/bin/geckodriver", import.meta.url));

const RECIPES: Readonly<Record<Kind, Recipe>> = {
  chromium: {
    driver: (port) => ["chromedriver", `--port=${port}`, "--allowed-ips="],
    capabilities: (profile) => ({
      browserName: "chrome",
      "goog:chromeOptions": {
        binary: "/usr/bin/chromium",
        args: [
          "--headless=new",
          // Tests run as root in containers.
          "--no-sandbox",
          "--disable-gpu",
          "--disable-dev-shm-usage",
          // It talks to nobody but us.
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--disable-default-apps",
          "--disable-features=OptimizationHints,MediaRouter",
          `--user-data-dir=${profile}`,
        ],
      },
    }),
    pid: "goog:processID",
  },
  firefox: {
    driver: (port) => [existsSync(GECKODRIVER) ? GECKODRIVER : "geckodriver", `--port=${port}`, "--websocket-port=0", "--log=error"],
    capabilities: (profile) => ({
      browserName: "firefox",
      "moz:firefoxOptions": {
        binary: "/usr/bin/firefox-esr",
        args: ["-headless", "-profile", profile],
        prefs: { "dom.serviceWorkers.testing.enabled": true, "network.captive-portal-service.enabled": false },
      },
    }),
    pid: "moz:processID",
  },
  webkit: {
    driver: (port) => ["WebKitWebDriver", `--port=${port}`],
    capabilities: () => ({
      browserName: "MiniBrowser",
      "webkitgtk:browserOptions": { binary: "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", args: ["--automation"] },
    }),
    pid: undefined,
  },
};

/** A folder in which a browser keeps what it keeps; a browser started later in the same folder finds it. */
export class Profile {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "syncline-browser-"));
  }

  /** Removes it; where that fails it is left behind, since that must not hide what the test has found. */
  async remove(): Promise<void> {
    for (let removal = 1; ; removal++)
      try {
        // Each time from the beginning: a file that came meanwhile stays in the way of any other repetition.
        return await rm(this.folder, { recursive: true, force: true });
      } catch (error) {
        if (removal === REMOVALS_MAX) return console.warn(`${this.folder} is left behind: ${String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, REMOVAL_MS));
      }
  }
}

/** A browser that runs. Its commands go one after the other: WebDriver knows one current tab. */
export class Browser implements TabHost {
  readonly kind: Kind;
  readonly #driver: WebDriver;
  readonly #program: ChildProcess;
  readonly #screen: ChildProcess | undefined;
  readonly #pid: number | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isFirstTaken = false;
  readonly #stopped = new Map<Tab, number>();

  private constructor(kind: Kind, parts: { driver: WebDriver; program: ChildProcess; screen: ChildProcess | undefined; pid: number | undefined }) {
    this.kind = kind;
    this.#driver = parts.driver;
    this.#program = parts.program;
    this.#screen = parts.screen;
    this.#pid = parts.pid;
  }

  /** Starts one on a profile. */
  static async start(kind: Kind, profile: Profile): Promise<Browser> {
    const recipe = RECIPES[kind];
    const screen = kind === "webkit" ? await startScreen() : undefined;
    const { program, name, url } = await startDriver(recipe, screen === undefined ? {} : { DISPLAY: screen.display });
    try {
      const driver = await new Builder().usingServer(url).disableEnvironmentOverrides().withCapabilities(new Capabilities(recipe.capabilities(profile.folder))).build();
      await driver.manage().setTimeouts({ script: SCRIPT_MS_MAX });
      const capabilities = await driver.getCapabilities();
      const pid: unknown = recipe.pid === undefined ? undefined : capabilities.get(recipe.pid);
      if (recipe.pid !== undefined && typeof pid !== "number") throw new Error(`${name} does not tell the browser's process`);
      return new Browser(kind, { driver, program, screen: screen?.program, pid: typeof pid === "number" ? pid : undefined });
    } catch (error) {
      await stop(program);
      if (screen !== undefined) await stop(screen.program);
      throw error;
    }
  }

  /** Opens an address in a tab, or in a window of its own, which stays visible when others are looked at. */
  async open(url: string, kind: "tab" | "window" = "tab"): Promise<Tab> {
    const handle = await this.#inTurn(async () => {
      if (this.#isFirstTaken) {
        // The window that a command is in must be there to make another.
        const [any] = await this.#driver.getAllWindowHandles();
        if (any !== undefined) await this.#driver.switchTo().window(any);
        await this.#driver.switchTo().newWindow(kind);
      }
      this.#isFirstTaken = true;
      return this.#driver.getWindowHandle();
    });
    const tab = new Tab(this, handle);
    await tab.go(url);
    return tab;
  }

  /** Ends the browser with all its processes in the middle of whatever it does, as an empty battery. Its profile stays. */
  async kill(): Promise<void> {
    const pid = this.#pid;
    if (pid === undefined) throw new Error(`the process of ${this.kind} is not known`);
    const all = family(pid);
    // The browser itself before its parts, which would be missed by it.
    kill(all.filter((one) => one.pid === pid));
    kill(all);
    await until("a killed browser is gone", () => !all.some(isRunning));
    await this.#endPrograms();
  }

  /**
   * Stops the process of a tab without a word to it, as a machine that sleeps or a debugger; or has it go on. Chromium only.
   *
   * Browsers do not tell which process that is: it is the one that works when the tab does.
   */
  async setStopped(tab: Tab, isStopped: boolean): Promise<void> {
    const known = this.#stopped.get(tab);
    if (!isStopped) {
      if (known !== undefined) process.kill(known, "SIGCONT");
      this.#stopped.delete(tab);
      return;
    }
    const before = new Map(renderersOf(this.#pid ?? 0).map(({ pid, ticks }) => [pid, ticks]));
    await tab.run((ms) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    }, WORK_MS);
    const worked = renderersOf(this.#pid ?? 0).map(({ pid, ticks }) => [pid, ticks - (before.get(pid) ?? 0)] as const);
    const [most] = worked.sort(([, a], [, b]) => b - a);
    if (most === undefined) throw new Error("no process works for the tab");
    process.kill(most[0], "SIGSTOP");
    this.#stopped.set(tab, most[0]);
  }

  /** Closes it as a person does. */
  async close(): Promise<void> {
    const pid = this.#pid;
    const all = pid === undefined ? [] : family(pid);
    await this.#inTurn(() => this.#driver.quit()).catch(() => undefined);
    await until("a closed browser is gone", () => !all.some((one) => one.pid === pid && isRunning(one)));
    // Parts of it may go on for a moment, in its folder.
    kill(all);
    await until("a closed browser is gone with its parts", () => !all.some(isRunning));
    await this.#endPrograms();
  }

  async #endPrograms(): Promise<void> {
    await stop(this.#program);
    if (this.#screen !== undefined) await stop(this.#screen);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  inTab<T>(handle: string, work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      await this.#driver.switchTo().window(handle);
      return work();
    });
  }

  async navigate(url: string): Promise<void> {
    await this.#driver.get(url);
    // WebKit says that a page is there while its modules are still fetched.
    await this.#driver.executeAsyncScript(`
      const done = arguments[arguments.length - 1];
      if (document.readyState === "complete") done();
      else window.addEventListener("load", () => done());`);
  }

  executeAsync(script: string, args: readonly unknown[]): Promise<unknown> {
    return this.#driver.executeAsyncScript(script, ...args);
  }

  async closeTab(): Promise<void> {
    await this.#driver.close();
  }

  cdp(command: string, parameters: object): Promise<unknown> {
    if (!("sendAndGetDevToolsCommand" in this.#driver)) throw new Error(`${this.kind} has no DevTools protocol`);
    const send = this.#driver.sendAndGetDevToolsCommand as (command: string, parameters: object) => Promise<unknown>;
    return send.call(this.#driver, command, parameters);
  }
}

/** Starts a driver, and answers once it listens. */
async function startDriver(recipe: Recipe, env: Readonly<Record<string, string>>): Promise<{ readonly program: ChildProcess; readonly name: string; readonly url: string }> {
  for (let ports = 1; ; ports++) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const [name, ...args] = recipe.driver(port);
    const program = start(name, args, env);
    let hasEnded = false;
    try {
      await until(`${name} answers`, async () => {
        hasEnded = program.exitCode !== null || program.signalCode !== null;
        if (hasEnded) throw new Error(`${name} has ended with ${program.exitCode ?? program.signalCode}, on port ${port}`);
        return fetch(`${url}/status`).then((response) => response.ok, () => false);
      });
      return { program, name, url };
    } catch (error) {
      await stop(program);
      if (!hasEnded || ports === PORTS_MAX) throw error;
    }
  }
}

/** Returns the processes of a browser that show pages. */
function renderersOf(browser: number): readonly ProcessFacts[] {
  return family(browser).filter(({ pid }) => isRenderer(pid));
}

/** Returns whether a process shows pages, and not parts of the browser itself. */
function isRenderer(pid: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return line.includes("--type=renderer") && !line.includes("--top-chrome-webui");
  } catch {
    return false;
  }
}

/** Starts a screen that nobody sees, for a browser that cannot do without. */
async function startScreen(): Promise<{ readonly program: ChildProcess; readonly display: string }> {
  // Each has a number that is a file; one by a free port is unlikely to be taken.
  const number = await freePort();
  const program = start("Xvfb", [`:${number}`, "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
  await until("Xvfb is there", () => existsSync(`/tmp/.X11-unix/X${number}`));
  return { program, display: `:${number}` };
}
