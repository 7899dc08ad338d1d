/**
 * The board in a browser, as a device of the demo (`cargo xtask demo`): told line by line, `ok` or `! why` behind each answer.
 *
 *     node sdk/browsers/demo.js <hub> <token-file> <name> <port of the page> <type of record>
 *
 *     show <id>             prints what the note shows, as `pending` or `sent`, its title and whether it is in conflict
 *     rename <id> <title>   types another title
 *     decide mine|theirs    opens the conflict and presses what its dialog offers
 *     offline, online       ticks the box
 *     sync                  waits until everything is sent and taken in
 *     leave                 closes the browser, goes on serving the page, and prints a link to it
 *     quit
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Person, buildPage } from "./board.js";
import { Browser, Profile } from "./browser.js";
import { servePages } from "./pages.js";

/** Begins as a device, and ends with its input. */
export async function play([hub = "", tokenFile = "", name = "", port = "", entity = ""]: readonly string[]): Promise<void> {
  const token = readFileSync(tokenFile, "utf8").trim();
  const pages = await servePages(await buildPage(), Number(port));
  const link = `${pages.origin}/#${new URLSearchParams({ hub, name, token, entity })}`;
  const profile = new Profile();
  const browser = await Browser.start("chromium", profile);
  const person = new Person(await browser.open(link));
  let isThere = true;
  const leave = async (): Promise<void> => {
    if (isThere) await browser.close();
    isThere = false;
    await profile.remove();
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const [word = "", id = "", ...rest] = line.split(" ");
    if (word === "quit") break;
    try {
      if (word === "leave") {
        await leave();
        console.log(link);
      } else for (const said of await act(person, word, id, rest.join(" "))) console.log(said);
      console.log("ok");
    } catch (error) {
      console.log(`! ${String(error).replaceAll("\n", " ")}`);
    }
  }
  await leave();
  await pages.close();
}

/** Does what a line says, and returns what it answers. */
async function act(person: Person, word: string, id: string, text: string): Promise<readonly string[]> {
  switch (word) {
    case "show":
      return [await person.tab.run(describe, id)];
    case "rename":
      await person.sees(`there is a note ${id}`, (id) => document.getElementById(`title-${id}`) !== null, id);
      await person.renames(await person.tab.run((id) => document.querySelector<HTMLInputElement>(`#title-${id}`)?.value ?? "", id), text);
      return [];
    case "decide":
      await person.presses("Decide 1 conflict");
      await person.presses(id === "mine" ? "Keep mine" : "Take theirs");
      await person.sees("the conflict is decided", () => document.querySelector("dialog") === null);
      return [];
    case "offline":
    case "online": {
      const isOffline = word === "offline";
      const isTicked = await person.tab.run(() => document.querySelector<HTMLInputElement>("[role=switch]")?.checked);
      if (isTicked !== isOffline) await person.presses("Work offline");
      return [];
    }
    case "sync":
      await person.sees("everything is sent and taken in", () => document.querySelector("[role=status]")?.textContent === "Up to date");
      return [];
    default:
      throw new Error(`nobody knows ${word}`);
  }
}

/** Runs in the page. */
function describe(id: string): string {
  const field = document.querySelector<HTMLInputElement>(`#title-${id}`);
  if (field === null) return "not there";
  const card = field.closest<HTMLElement>("[data-pending]");
  const isInConflict = card?.querySelector(".conflict") !== null;
  return `${card?.dataset["pending"] === "true" ? "pending" : "sent"}: ${field.value}${isInConflict ? " (in conflict)" : ""}`;
}
