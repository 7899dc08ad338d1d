/** A real hub for tests: `syncline serve` on a free port of this machine, with a folder of its own. */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** The program: `SYNCLINE_BIN`, or the debug build of this repository. */
export const PROGRAM = process.env["SYNCLINE_BIN"] ?? fileURLToPath(new URL("../../../target/debug/syncline", import.meta.url));

/** How long a hub may take to say where it serves, in milliseconds: a debug build on a busy machine. */
const START_MS_MAX = 30_000;

type Process = ChildProcessByStdio<null, Readable, Readable>;

/** How a hub is started. */
export interface HubFacts {
  /** The text of its `syncline.toml`; without one it takes any record of anybody with a token. */
  readonly config?: string;
  /** Further arguments, as `["--origin", "http://127.0.0.1:5173"]`. */
  readonly args?: readonly string[];
  /** What stands in its environment, beside that of the test. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a new token may do. */
export interface TokenFacts {
  readonly name?: string;
  readonly role?: "client" | "reviewer" | "editor" | "operator" | "admin";
  readonly client?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly expires_in_s?: number;
}

/** A hub that serves. Stop it at the end of the test. */
export interface Hub {
  /** Its address without `/v1`; it stays the same over a restart. */
  readonly url: string;
  /** The admin's token. */
  readonly token: string;
  /** The folder with everything that it keeps. */
  readonly state: string;
  /** Its process. */
  pid(): number;
  /** Asks something of it below `/v1`, as the admin; throws where the status is not 2xx. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Makes a token. */
  issue(facts?: TokenFacts): Promise<{ readonly id: string; readonly token: string }>;
  /** Ends the process and leaves the folder; `SIGKILL` leaves no time for anything. */
  halt(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same address, after `halt`. */
  start(): Promise<void>;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
}

/** Starts a hub with an empty folder. */
export async function startHub(facts: HubFacts = {}): Promise<Hub> {
  if (!existsSync(PROGRAM)) {
    throw new Error(`no hub at ${PROGRAM}: run \`cargo build -p syncline\`, or say where it is in SYNCLINE_BIN`);
  }
  const folder = mkdtempSync(join(tmpdir(), "syncline-hub-"));
  const state = join(folder, "state");
  if (facts.config !== undefined) writeFileSync(join(folder, "syncline.toml"), facts.config);

  let running: Process | undefined;
  const run = async (port: string): Promise<string> => {
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--state", state, "--jsonl", ...(facts.args ?? [])];
    const [child, url] = await serve(args, folder, facts.env);
    running = child;
    return url;
  };
  const halt = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
    const child = running;
    running = undefined;
    if (child !== undefined) await end(child, signal);
  };

  let url: string;
  try {
    url = await run("0");
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const token = readFileSync(join(state, "admin.token"), "utf8").trim();
  const ask = (method: string, path: string, body?: unknown) => request(url, token, method, path, body);
  return {
    url,
    token,
    state,
    pid: () => running?.pid ?? 0,
    ask,
    issue: async (of = {}) => {
      const made = await ask("POST", "/v1/tokens", { name: "a test", role: "client", ...of });
      return made as { id: string; token: string };
    },
    halt,
    start: async () => {
      await halt();
      await run(new URL(url).port);
    },
    stop: async () => {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the program; answers once it says where it serves. */
async function serve(args: readonly string[], cwd: string, env: HubFacts["env"]): Promise<[Process, string]> {
  const child = spawn(PROGRAM, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said = (said + bytes.toString()).slice(-4_096)));
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the hub ${why}: ${said}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`did not serve within ${START_MS_MAX} ms`);
    }, START_MS_MAX);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const told = JSON.parse(line) as { schema?: string; url?: string };
      if (told.schema?.startsWith("serve/") === true && told.url !== undefined) {
        clearTimeout(timer);
        resolve(told.url);
      }
    });
  });
  return [child, url];
}

async function end(child: Process, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

async function request(url: string, token: string, method: string, path: string, body: unknown): Promise<unknown> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(`${url}${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
