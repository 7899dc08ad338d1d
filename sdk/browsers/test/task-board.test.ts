/** The example in two browsers, by what its people see. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { complaints } from "../harness/axe.js";
import type { Browser } from "../harness/browser.js";
import { type Board, Person, serveBoard } from "../harness/board.js";
import { withBrowser } from "../harness/with-browser.js";

let board: Board;
beforeAll(async () => {
  board = await serveBoard();
});
afterAll(() => board.stop());

const link = (name: string): string => {
  const found = board.links.get(name);
  if (found === undefined) throw new Error(`${name} has no link`);
  return found;
};

/** Has both people rename the same new note while they are offline, in two tabs of one browser. */
async function quarrel(browser: Browser, title: string): Promise<readonly [Person, Person]> {
  const mara = new Person(await browser.open(link("Mara")));
  const jo = new Person(await browser.open(link("Jo")));
  // Only one tab has the focus, but for this.
  for (const { tab } of [mara, jo]) await tab.cdp("Emulation.setFocusEmulationEnabled", { enabled: true });
  await mara.presses("Add a note to To do");
  await mara.holds("Title", "New note");
  await mara.renames("New note", title);
  await jo.holds("Title", title);
  for (const [person, name] of [[mara, "Mara"], [jo, "Jo"]] as const) {
    await person.presses("Work offline");
    await person.says("Offline");
    await person.renames(title, `${title}, by ${name}`);
    await person.says("not sent yet");
  }
  for (const person of [mara, jo]) await person.presses("Work offline");
  for (const person of [mara, jo]) await person.says("Decide 1 conflict");
  return [mara, jo];
}

test("axe finds nothing to mend: light and dark, wide and as narrow as a phone, with and without the dialog", () =>
  withBrowser("chromium", async (browser) => {
    const [mara, jo] = await quarrel(browser, "Painted");
    const found: string[] = [];
    for (const scheme of ["light", "dark"])
      for (const width of [1200, 360]) {
        await mara.tab.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        await mara.tab.cdp("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 1, mobile: width < 500 });
        const look = async (what: string): Promise<void> => {
          found.push(...(await complaints(mara.tab)).map((complaint) => `${scheme} ${width} ${what}: ${complaint}`));
          const isTooWide = await mara.tab.run(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
          if (isTooWide) found.push(`${scheme} ${width} ${what}: wider than the window`);
        };
        await look("board");
        await mara.presses("Decide 1 conflict");
        await mara.says("Theirs, by Jo");
        await look("dialog");
        await mara.presses("Later");
        await mara.sees("the dialog is gone", () => document.querySelector("dialog") === null);
      }
    expect(found).toEqual([]);
    // Axe sees what is planted.
    await mara.tab.run(() => document.querySelector("select")?.removeAttribute("aria-label"));
    expect(await complaints(mara.tab)).toHaveLength(1);
    await jo.presses("Decide 1 conflict");
    await jo.presses("Take theirs");
    await mara.holds("Title", "Painted, by Mara");
  }));

test("a conflict is found, looked at and decided with keys alone", () =>
  withBrowser("chromium", async (browser) => {
    const [, jo] = await quarrel(browser, "Typed");
    const press = async (key: string, code = key, text = ""): Promise<void> => {
      await jo.tab.cdp("Input.dispatchKeyEvent", { type: "keyDown", key, code, windowsVirtualKeyCode: { Enter: 13, Escape: 27, Tab: 9 }[key] ?? 0, ...(text && { text }) });
      await jo.tab.cdp("Input.dispatchKeyEvent", { type: "keyUp", key, code });
    };
    const focused = (): Promise<string> => jo.tab.run(() => (document.activeElement as HTMLElement | null)?.innerText ?? "");
    const tabTo = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 40; presses += 1) {
        if ((await focused()) === name) return;
        await press("Tab");
      }
      throw new Error(`no key leads to ${name}`);
    };
    await jo.tab.run(() => (document.activeElement as HTMLElement | null)?.blur());
    await tabTo("Decide 1 conflict");
    await press("Enter", "Enter", "\r");
    await jo.says("Theirs, by Mara");
    await press("Escape");
    await jo.sees("the dialog is gone", () => document.querySelector("dialog") === null);
    await tabTo("Decide 1 conflict");
    await press("Enter", "Enter", "\r");
    await jo.says("Theirs, by Mara");
    await tabTo("Keep mine");
    await press("Enter", "Enter", "\r");
    await jo.sees("the dialog is gone and the note has the focus", () => {
      const field = document.activeElement;
      return document.querySelector("dialog") === null && field instanceof HTMLInputElement && field.value === "Typed, by Jo";
    });
  }));

test("two people type at once, work without the hub, and settle what both have renamed", () =>
  withBrowser("chromium", (chromium) =>
    withBrowser("firefox", async (firefox) => {
      const mara = new Person(await chromium.open(link("Mara")));
      const jo = new Person(await firefox.open(link("Jo")));
      const both = [mara, jo];
      for (const person of both) {
        await person.says("Up to date");
        await person.holds("Title", "Open the other link");
      }

      // Typed at once into one text.
      const label = "Text of Work offline in both";
      const before = "Type here at once: both texts stay.";
      await Promise.all([mara.types(label, " From Mara."), jo.types(label, " From Jo.")]);
      for (const person of both) await person.sees("both texts are there", (label) => {
        const text = document.querySelector<HTMLTextAreaElement>(`[aria-label="${label}"]`)?.value ?? "";
        return text.includes(" From Mara.") && text.includes(" From Jo.");
      }, label);
      const texts = await Promise.all(both.map((person) => person.tab.run((label) => document.querySelector<HTMLTextAreaElement>(`[aria-label="${label}"]`)?.value, label)));
      expect(texts[0]).toBe(texts[1]);
      expect(texts[0]).toHaveLength((before + " From Mara." + " From Jo.").length);

      // Without the hub.
      await board.kill();
      for (const person of both) await person.sees("the badge says that the hub is away", () => /Offline|Connecting/.test(document.querySelector("[role=status]")?.textContent ?? ""));
      await mara.renames("Rename this one in both, then go online", "Mara's name");
      await jo.renames("Rename this one in both, then go online", "Jo's name");
      await mara.presses("Add a note to Done");
      await mara.holds("Title", "New note");
      for (const person of both) await person.says("not sent yet");
      await mara.tab.go(board.pages.origin + "/");
      await mara.holds("Title", "New note");
      await mara.holds("Title", "Mara's name");
      await mara.says("2 not sent yet");

      // The hub is back: all is equal, but for what a person has to decide.
      await board.start();
      for (const person of both) {
        await person.says("Up to date");
        await person.holds("Title", "New note");
        await person.presses("Decide 1 conflict");
        await person.says("Which title shall it be?");
      }
      await mara.says("Theirs, by Jo");
      await jo.says("Theirs, by Mara");
      await jo.presses("Later");
      await mara.presses("Keep mine");
      for (const person of both) {
        await person.holds("Title", "Mara's name");
        await person.sees("no conflict is left", () => !document.body.innerText.includes("onflict") && document.querySelector("dialog") === null);
      }
    }),
  ));
