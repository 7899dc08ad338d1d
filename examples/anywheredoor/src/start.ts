/** Starts everything on this machine: the hub, the learner app, the admin panel. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { HUB_PORT = "8787", LEARNER_PORT = "3000", ADMIN_PORT = "3001", STATE = at("../.state") } = process.env;

/** What spec 004 has in `.env`, and what else the parts must agree on. Secrets are made once, and only you may read them. */
function environment(): Record<string, string> {
  const file = `${STATE}/secrets.json`;
  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) {
    const made = ["WEBHOOK_SECRET", "CRON_SECRET", "NEXTAUTH_SECRET"].map((name) => [name, randomBytes(32).toString("hex")]);
    writeFileSync(file, JSON.stringify(Object.fromEntries(made)), { mode: 0o600 });
  }
  const made = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  const SYNC_WEBHOOK_URLS = `http://127.0.0.1:${ADMIN_PORT}/api/webhooks/sync`;
  const given = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { SYNC_WEBHOOK_URLS, ...made, ...Object.fromEntries(given), SYNCLINE_URL: `http://127.0.0.1:${HUB_PORT}` };
}

const env = environment();
const running = new Set<ChildProcess>();
let isEnding = false;

function end(code: number): void {
  if (isEnding) return;
  isEnding = true;
  process.exitCode = code;
  for (const child of running) child.kill("SIGTERM");
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end(0));

/** How long an application that has ended is away before it is started again, in milliseconds: long enough to see what that does. */
const AWAY_MS = 5_000;

/** Starts a program and waits until it says that it is there; answers with its process. */
function start(program: string, args: readonly string[], more: Readonly<Record<string, string>>, ready: RegExp): Promise<ChildProcess> {
  const child = spawn(program, args, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      running.delete(child);
      reject(new Error(`${program} has ended with ${code}`));
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (ready.test(line)) resolve(child);
    });
  });
}

/** Starts an application, and again whenever it ends; answers with its process. */
async function keep(name: string, port: string, token: string): Promise<number | undefined> {
  const child = await start(process.execPath, [at(`${name}/index.js`)], { PORT: port, SYNCLINE_TOKEN: token }, /ready/);
  child.once("exit", () => {
    if (isEnding) return;
    console.log(`The ${name} app has ended; it is back in ${AWAY_MS / 1000} s`);
    setTimeout(() => {
      if (!isEnding) keep(name, port, token).then((pid) => console.log(`The ${name} app is back, as process ${pid}`), () => end(1));
    }, AWAY_MS).unref();
  });
  return child.pid;
}

/** Makes an access token for each application, once: the hub keeps a hash of it only. */
async function tokens(): Promise<{ readonly learner: string; readonly admin: string }> {
  const file = `${STATE}/tokens.json`;
  if (!existsSync(file)) {
    const admin = readFileSync(`${STATE}/hub/admin.token`, "utf8").trim();
    const make = async (name: string, role: string): Promise<string> => {
      const headers = { authorization: `Bearer ${admin}`, "content-type": "application/json" };
      const answer = await fetch(`${env["SYNCLINE_URL"]}/v1/tokens`, { method: "POST", headers, body: JSON.stringify({ name, role }) });
      if (!answer.ok) throw new Error(`the hub makes no token: ${answer.status}`);
      return ((await answer.json()) as { token: string }).token;
    };
    const made = { learner: await make("learner app", "client"), admin: await make("admin panel", "admin") };
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, "utf8")) as { learner: string; admin: string };
}

const built = ["release", "debug"].map((profile) => at(`../../../target/${profile}/syncline`));
const program = process.env["SYNCLINE_BIN"] ?? built.find(existsSync) ?? "syncline";
try {
  const hub = ["serve", "--config", at("../syncline.toml"), "--state", `${STATE}/hub`, "--listen", `127.0.0.1:${HUB_PORT}`, "--deliver-to", "loopback"];
  (await start(program, hub, {}, /^Serving /)).once("exit", (code) => end(code ?? 1));
  const { learner, admin } = await tokens();
  await keep("learner", LEARNER_PORT, learner);
  const panel = await keep("admin", ADMIN_PORT, admin);
  console.log(`
The learner app is at http://localhost:${LEARNER_PORT}/api, the admin panel at http://localhost:${ADMIN_PORT}/ (process ${panel})
Their secrets are in ${STATE}/secrets.json. Ctrl-C ends it. Try, and watch the panel:

  curl http://localhost:${LEARNER_PORT}/api/profile -H 'Content-Type: application/json' -d '{"userId":"mara","name":"Mara Lang"}'
  curl http://localhost:${LEARNER_PORT}/api/enrollments -H 'Content-Type: application/json' -d '{"userId":"mara","courseId":"rust-101"}'
  curl http://localhost:${LEARNER_PORT}/api/progress -H 'Content-Type: application/json' -d '{"userId":"mara","courseId":"rust-101","percent":40}'
`);
} catch (error) {
  if (!isEnding) console.error(error instanceof Error ? error.message : error, `\nInstall syncline, or say where it is: SYNCLINE_BIN=…`);
  end(1);
}
