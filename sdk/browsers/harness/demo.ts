/**
 * The board in browsers, as devices of the demo (`cargo xtask demo`): told line by line, `ok` or `! why` behind each answer.
 *
 *     node sdk/browsers/demo.js <hub> <token-file> <port of the page> <type of record>
 *
 * Each line begins with the name of a person. Who is told something does it at once, whatever the others do; answers come in
 * the order of the lines.
 *
 *     <name> open <kind>           begins: Chromium or Firefox with a profile and a network of its own opens the board
 *     <name> show <id>             prints what the note shows: `pending` or `sent`, whether it is in conflict, title and text
 *     <name> list                  prints all records, as its client has them and its page shows them
 *     <name> add <title>           presses the button for another note and types its title
 *     <name> rename <id> <title>   types another title
 *     <name> type <id> <text>      types at the end of the text
 *     <name> move <id> <column>    chooses another column
 *     <name> decide mine|theirs    opens the conflict and presses what its dialog offers
 *     <name> cut, restore          ends the network between browser and hub, and has it come back
 *     <name> sync                  waits until everything is sent and taken in
 *     <name> leave                 closes the browser, goes on serving the page, and prints a link to it
 *     quit
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Person, buildPage } from "./board.js";
import { Browser, Profile } from "./browser.js";
import { servePages } from "./pages.js";
import { type Proxy, startProxy } from "./proxy.js";

/** What all boards have in common. */
interface Place {
  readonly hub: string;
  readonly token: string;
  readonly entity: string;
  /** Where the page is, once it is built. */
  readonly origin: Promise<string>;
}

/** Begins, and ends with its input. */
export async function play([hub = "", tokenFile = "", port = "", entity = ""]: readonly string[]): Promise<void> {
  const pages = buildPage().then((folder) => servePages(folder, Number(port)));
  const place = { hub, token: readFileSync(tokenFile, "utf8").trim(), entity, origin: pages.then(({ origin }) => origin) };
  const desks = new Map<string, Desk>();
  let printed = Promise.resolve();
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "quit") break;
    const [name = "", ...words] = line.split(" ");
    const desk = desks.get(name) ?? new Desk(name, place);
    desks.set(name, desk);
    const answered = desk.hear(words).then(
      (answer) => [...answer, "ok"],
      (error: unknown) => [`! ${String(error).replaceAll("\n", " ")}`],
    );
    printed = printed.then(async () => (await answered).forEach((said) => console.log(said)));
  }
  await printed;
  await Promise.all([...desks.values()].map((desk) => desk.hear(["leave"])));
  await (await pages).close();
  // Who is told to quit may be waited for with its input open, which would keep the program.
  process.stdin.destroy();
}

/** A browser, the person in front of it, and the network behind it. */
class Desk {
  readonly #name: string;
  readonly #place: Place;
  #opened: { readonly browser: Browser; readonly profile: Profile; readonly network: Proxy; readonly person: Person } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(name: string, place: Place) {
    this.#name = name;
    this.#place = place;
  }

  /** Does what a line says, behind what it was told before, and returns what it answers. */
  hear([word = "", ...words]: readonly string[]): Promise<readonly string[]> {
    const done = this.#last.then(() => this.#carryOut(word, words));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #carryOut(word: string, words: readonly string[]): Promise<readonly string[]> {
    if (word === "open") return this.#open(words[0] === "Firefox" ? "firefox" : "chromium");
    if (word === "leave") return this.#leave();
    if (this.#opened === undefined) throw new Error(`${this.#name} has no browser`);
    const { person, network } = this.#opened;
    switch (word) {
      case "cut":
        network.set("cut");
        await person.sees("the board notices", () => document.querySelector("[role=status]")?.textContent?.startsWith("Up to date") === false);
        return [];
      case "restore":
        network.set("whole");
        // A browser tells its pages, too.
        await person.tab.run(() => void window.dispatchEvent(new Event("online")));
        return [];
      default:
        return act(person, this.#place.entity, word, words);
    }
  }

  async #open(kind: "chromium" | "firefox"): Promise<readonly string[]> {
    const profile = new Profile();
    const network = await startProxy(this.#place.hub);
    const browser = await Browser.start(kind, profile);
    const person = new Person(await browser.open("about:blank"));
    this.#opened = { browser, profile, network, person };
    await person.tab.go(await this.#link(network.url));
    return [];
  }

  async #leave(): Promise<readonly string[]> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.browser.close();
    await opened?.network.close();
    await opened?.profile.remove();
    return [await this.#link(this.#place.hub)];
  }

  async #link(hub: string): Promise<string> {
    const { token, entity, origin } = this.#place;
    return `${await origin}/#${new URLSearchParams({ hub, name: this.#name, token, entity })}`;
  }
}

/** Does what a line says to a person, and returns what it answers. */
async function act(person: Person, entity: string, word: string, [id = "", ...words]: readonly string[]): Promise<readonly string[]> {
  const text = words.join(" ");
  const sees = (): Promise<void> => person.sees(`there is a note ${id}`, (id) => document.getElementById(`title-${id}`) !== null, id);
  const title = (): Promise<string> => person.tab.run((id) => document.querySelector<HTMLInputElement>(`#title-${id}`)?.value ?? "", id);
  switch (word) {
    case "show":
      return [await person.tab.run(describe, id)];
    case "list":
      return person.tab.run(list, entity);
    case "add":
      await person.presses("Add a note to To do");
      await person.holds("Title", "New note");
      await person.renames("New note", [id, ...words].join(" "));
      return [];
    case "rename":
      await sees();
      await person.renames(await title(), text);
      return [];
    case "type":
      await sees();
      await person.types(`Text of ${await title()}`, text);
      return [];
    case "move":
      await sees();
      await person.tab.run(choose, id, text);
      return [];
    case "decide":
      await person.presses("Decide 1 conflict");
      await person.presses(id === "mine" ? "Keep mine" : "Take theirs");
      await person.sees("the conflict is decided", () => document.querySelector("dialog") === null);
      return [];
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
  const card = field?.closest<HTMLElement>("[data-pending]");
  if (field === null || !card) return "not there";
  const text = card.querySelector("textarea")?.value ?? "";
  const isInConflict = card.querySelector(".conflict") !== null;
  return `${card.dataset["pending"] === "true" ? "pending" : "sent"}${isInConflict ? ", in conflict" : ""}: ${field.value}${text && ` | ${text}`}`;
}

/** Runs in the page. A record that the page shows otherwise has a line that equals nobody's. */
function list(entity: string): readonly string[] {
  const fields = [...document.querySelectorAll<HTMLInputElement>("input.title")];
  const titles = new Map(fields.map(({ id, value }) => [id.slice("title-".length), value]));
  const lines = window.readRecords(entity).map(([id, record]) => {
    const { title } = JSON.parse(record) as { readonly title?: string };
    const isShown = titles.get(id) === title;
    titles.delete(id);
    return `${id} ${record}${isShown ? "" : " but the page shows another title"}`;
  });
  return [...lines, ...[...titles.keys()].map((id) => `${id} only on the page`)];
}

/** Runs in the page. */
function choose(id: string, column: string): void {
  const select = document.getElementById(`title-${id}`)?.closest("article")?.querySelector("select");
  if (!select) throw new Error(`no note ${id}`);
  select.value = column;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}
