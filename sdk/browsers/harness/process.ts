/** Programs that tests start: none outlives them. */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

/** Longest wait for a program to begin or to end. */
const WAIT_MS_MAX = 30_000;
/** Between two looks. */
const LOOK_MS = 20;

const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

/** Starts a program whose output is shown only where `show` is set. */
export function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const show = process.env["SHOW_BROWSERS"] === undefined ? "ignore" : "inherit";
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", show, show] });
  child.on("error", (error) => {
    console.error(`cannot start ${program}: ${error.message}; scripts/install-browsers.sh installs it`);
  });
  started.add(child);
  child.on("exit", () => started.delete(child));
  return child;
}

/** Ends a program that `start` has started. */
export async function stop(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await until("a program has ended", () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined);
}

/** Waits until something holds, and fails with its name where it never does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, waitMsMax = WAIT_MS_MAX): Promise<void> {
  const end = performance.now() + waitMsMax;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Returns a port of the loopback interface that is free at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Returns whether a process is there and not a mere entry that its parent has yet to read. */
export function isRunning(pid: number, stat: (pid: number) => string): boolean {
  try {
    const fields = stat(pid);
    return !fields.slice(fields.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}
