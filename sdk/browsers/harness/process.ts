/** Programs that tests start: none outlives them. */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Longest wait for a program to begin or to end, or a page to show something: a bound for what hangs, far beyond what a busy machine needs. */
const WAIT_MS_MAX = 120_000;
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

/** Returns a port of the loopback interface that is free at this moment; somebody else may have it in the next one. */
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

/** A process as the system knows it. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** When it began, in ticks of the system: with the number it is this process and no later one. */
  readonly began: number;
  /** How many ticks it has worked. */
  readonly ticks: number;
  /** It has ended, and its parent has yet to read how. */
  readonly isOver: boolean;
}

/** Returns the facts of a process, or `undefined` where there is none. */
export function processOf(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may hold anything: state, parent, …, as 12th and 13th the ticks, as 20th the beginning.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(fields[1]), began: Number(fields[19]), ticks: Number(fields[11]) + Number(fields[12]), isOver: fields[0] === "Z" || fields[0] === "X" };
  } catch {
    // None, or gone meanwhile.
    return undefined;
  }
}

/** Returns a process and everything that it has started, and that has started, and so on. */
export function family(ancestor: number): readonly ProcessFacts[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (processOf(Number(name)) ?? []) : []));
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const isOfIt = (pid: number | undefined): boolean => pid === ancestor || (pid !== undefined && pid > 1 && isOfIt(parents.get(pid)));
  return all.filter(({ pid }) => isOfIt(pid));
}

/** Returns whether a process still runs, and is the one that it was. */
export function isRunning({ pid, began }: ProcessFacts): boolean {
  const now = processOf(pid);
  return now !== undefined && now.began === began && !now.isOver;
}

/** Ends processes at once. */
export function kill(processes: readonly ProcessFacts[]): void {
  for (const one of processes)
    try {
      if (isRunning(one)) process.kill(one.pid, "SIGKILL");
    } catch {
      // It ended by itself in this moment.
    }
}
