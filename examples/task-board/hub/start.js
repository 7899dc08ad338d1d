/** Starts the hub of the board, makes an access token for each person, and prints the links that they open. */

import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

const PAGE = process.env.BOARD_PAGE ?? "http://localhost:5173";
const LISTEN = process.env.BOARD_LISTEN ?? "127.0.0.1:8787";
const STATE = process.env.BOARD_STATE ?? at(".state");
const PEOPLE = ["Mara", "Jo"];
const NOTES = {
  welcome: { title: "Open the other link", text: "In another window, as the other person.", column: "todo" },
  offline: { title: "Work offline in both", text: "Type here at once: both texts stay.", column: "todo" },
  conflict: { title: "Rename this one in both, then go online", text: "", column: "doing" },
};

const built = ["release", "debug"].map((profile) => at(`../../../target/${profile}/syncline`));
const program = process.env.SYNCLINE_BIN ?? built.find(existsSync) ?? "syncline";
const hub = spawn(program, ["serve", "--config", at("syncline.toml"), "--state", STATE, "--listen", LISTEN, "--origin", PAGE], {
  stdio: ["ignore", "pipe", "inherit"],
});
hub.on("error", (error) => {
  console.error(`${program} cannot be started: ${error.message}\nInstall syncline, or say where it is: SYNCLINE_BIN=…`);
  process.exit(1);
});
hub.on("exit", (code) => process.exit(code ?? 1));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => hub.kill("SIGINT"));

let said = "";
hub.stdout.on("data", (chunk) => {
  if (said.includes("\n")) return;
  said += chunk;
  const address = /Serving (http:\S+)/.exec(said)?.[1];
  if (address) begin(address).catch((error) => (console.error(error), hub.kill("SIGINT")));
});

async function begin(address) {
  // The links stay good over restarts: the hub keeps a hash of each token only.
  const file = `${STATE}/people.json`;
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await makePeople(address)), { mode: 0o600 });
  console.log(`The hub is at ${address}; Ctrl-C ends it. Run \`npm run dev\`, and open`);
  for (const { name, token } of JSON.parse(readFileSync(file, "utf8"))) {
    const who = new URLSearchParams({ hub: address, name, token });
    console.log(`  ${name.padEnd(5)} ${PAGE}/#${who}`);
  }
}

async function makePeople(address) {
  const admin = readFileSync(`${STATE}/admin.token`, "utf8").trim();
  const ask = async (method, path, body) => {
    const headers = { authorization: `Bearer ${admin}`, "content-type": "application/json" };
    const answer = await fetch(address + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  for (const [id, note] of Object.entries(NOTES)) await ask("PUT", `/v1/entities/notes/records/${id}`, note);
  // An editor writes records and decides conflicts.
  return Promise.all(PEOPLE.map(async (name) => ({ name, token: (await ask("POST", "/v1/tokens", { name, role: "editor" })).token })));
}
