/** `examples/anywheredoor` beside a hub: its two applications are processes that a test may kill. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Hub, PROGRAM, startHub } from "../../client/test/hub.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SDK = at("../..");
const EXAMPLE = at("../../../examples/anywheredoor");

/** What spec 004 has in its environment. */
export const SECRETS = { WEBHOOK_SECRET: "your-webhook-secret-here", CRON_SECRET: "your-cron-secret-here", NEXTAUTH_SECRET: "your-nextauth-secret-here" } as const;

/** The example, and what it stands on. Stop it at the end of the test. */
export interface Door {
  readonly hub: Hub;
  /** The learner app, `http://localhost:<port>`. */
  readonly learner: string;
  /** The admin panel. */
  readonly admin: string;
  /** Asks something, with JSON or without; answers with its status and what is in the envelope. */
  ask(url: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Asked>;
  /** Ends the panel at once, in the middle of whatever it does. */
  killPanel(): Promise<void>;
  startPanel(): Promise<void>;
  stop(): Promise<void>;
}

/** An answer of an application. */
export interface Asked {
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Compiles the example where the packages of this repository are found as those of the registry would be; returns its folder. */
export function buildDoor(): { readonly folder: string; readonly remove: () => void } {
  const run = (...args: readonly string[]): void => void execFileSync(process.execPath, [join(SDK, "node_modules/typescript/bin/tsc"), ...args], { cwd: SDK, stdio: ["ignore", "inherit", "inherit"] });
  run("-b", "app", "elements");
  mkdirSync(join(SDK, ".vitest"), { recursive: true });
  const folder = mkdtempSync(join(SDK, ".vitest", "anywheredoor-"));
  const isSource = (path: string): boolean => !["node_modules", "dist", ".state"].includes(basename(path));
  cpSync(EXAMPLE, folder, { recursive: true, filter: isSource });
  run("-p", folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts a hub and both applications on free ports. */
export async function startDoor(folder: string): Promise<Door> {
  const [learnerPort, adminPort] = [await freePort(), await freePort()];
  const [learner, admin] = [`http://localhost:${learnerPort}`, `http://localhost:${adminPort}`];
  const env = { ...SECRETS, SYNC_WEBHOOK_URLS: `http://127.0.0.1:${adminPort}/api/webhooks/sync` };
  const hub = await startHub({ config: readFileSync(join(EXAMPLE, "syncline.toml"), "utf8"), args: ["--deliver-to", "loopback"], env });
  const running: ChildProcess[] = [];
  const start = async (name: string, port: number, token: string): Promise<ChildProcess> => {
    const [child] = await startProgram([join(folder, `dist/${name}/index.js`)], { ...env, PORT: String(port), SYNCLINE_URL: hub.url, SYNCLINE_TOKEN: token }, /ready/);
    running.push(child);
    return child;
  };
  const { token: learnerToken } = await hub.issue({ name: "learner app", role: "client" });
  await start("learner", learnerPort, learnerToken);
  const startPanel = (): Promise<ChildProcess> => start("admin", adminPort, hub.token);
  let panel = await startPanel();
  return {
    hub,
    learner,
    admin,
    ask: async (url, body, headers = {}) => {
      const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      const answer = await fetch(url, { ...sent, headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers } });
      return { status: answer.status, ...((await answer.json()) as Omit<Asked, "status">) };
    },
    killPanel: () => kill(panel),
    startPanel: async () => {
      panel = await startPanel();
    },
    stop: async () => {
      for (const child of running) await kill(child);
      await hub.stop();
    },
  };
}

/** Starts the one command of the example's README on free ports; answers once everything is there. */
export async function startAll(folder: string): Promise<{ readonly learner: string; readonly admin: string; readonly panel: number; readonly end: () => Promise<number | null> }> {
  const [hubPort, learnerPort, adminPort] = [await freePort(), await freePort(), await freePort()];
  const env = { SYNCLINE_BIN: PROGRAM, STATE: join(folder, ".state"), HUB_PORT: String(hubPort), LEARNER_PORT: String(learnerPort), ADMIN_PORT: String(adminPort) };
  const [child, line] = await startProgram([join(folder, "dist/start.js")], env, /^The learner app is at /);
  const end = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    return hasEnded(child);
  };
  return { learner: `http://localhost:${learnerPort}`, admin: `http://localhost:${adminPort}`, panel: Number(/\(process (\d+)\)/.exec(line)?.[1]), end };
}

/** None outlives the test. */
const started = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

/** Starts a program of Node and waits until it says a line; answers with that, too. */
async function startProgram(args: readonly string[], env: Readonly<Record<string, string>>, ready: RegExp): Promise<readonly [ChildProcess, string]> {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  started.add(child);
  child.once("exit", () => started.delete(child));
  const line = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} has ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (ready.test(line)) resolve(line);
    });
  });
  return [child, line];
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await hasEnded(child);
}

async function hasEnded(child: ChildProcess): Promise<number | null> {
  while (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
  return child.exitCode;
}

/** Returns a port of the loopback interface that is free at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
