/** Somebody in front of the dashboard: signs in, goes to a page, looks, presses; and takes pictures. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { complaints } from "./axe.js";
import { Person } from "./board.js";
import type { Browser } from "./browser.js";
import type { Dashboard } from "./dashboard.js";
import { Keyboard } from "./keyboard.js";
import type { Tab } from "./tab.js";

/** A desk, and the narrowest phone that the pages are made for. */
const DESK = { width: 1040, height: 720 };
const PHONE = { width: 375, height: 740 };

export class Operator extends Person {
  readonly keys: Keyboard;
  readonly #dashboard: Dashboard;

  private constructor(tab: Tab, keys: Keyboard, dashboard: Dashboard) {
    super(tab);
    this.keys = keys;
    this.#dashboard = dashboard;
  }

  /** Opens the dashboard, where nobody is signed in. */
  static async open(browser: Browser, dashboard: Dashboard): Promise<Operator> {
    const tab = await browser.open(dashboard.url);
    const operator = new Operator(tab, await Keyboard.of(tab), dashboard);
    await operator.resize(DESK);
    return operator;
  }

  /** Opens the dashboard and signs in. */
  static async signIn(browser: Browser, dashboard: Dashboard, token: string): Promise<Operator> {
    const operator = await Operator.open(browser, dashboard);
    await operator.keys.isOn("Access token");
    await operator.keys.type(token);
    await operator.keys.press("Enter");
    await operator.says("Sign out");
    return operator;
  }

  /** Goes to a page, and waits until it is shown. */
  async goTo(path: string, heading: string): Promise<void> {
    await this.tab.go(`${this.#dashboard.url}${path}`);
    await this.isAt(heading);
  }

  /** Waits until a page is shown. */
  isAt(heading: string): Promise<void> {
    return this.sees(`the page is ${heading}`, (text) => document.querySelector("h1")?.innerText.includes(text) === true && document.querySelector(".loading") === null, heading);
  }

  /** Waits until a text is gone. */
  saysNoMore(text: string): Promise<void> {
    return this.sees(`the page says no more ${text}`, (gone) => !document.body.innerText.includes(gone), text);
  }

  /** Follows a link that is called so. */
  async follows(name: string): Promise<void> {
    const find = (text: string): boolean => {
      const link = [...document.querySelectorAll<HTMLAnchorElement>("a")].find((one) => one.innerText.trim() === text);
      link?.click();
      return link !== undefined;
    };
    await this.sees(`there is a link called ${name}`, find, name);
  }

  /** Presses what has this name in the dialog that is open. */
  async pressesInDialog(name: string): Promise<void> {
    const find = (text: string): boolean => {
      const button = [...document.querySelectorAll<HTMLElement>("dialog[open] button")].find((one) => one.innerText.trim() === text);
      button?.click();
      return button !== undefined;
    };
    await this.sees(`there is ${name} in a dialog`, find, name);
  }

  /** Opens what is folded up under this name. */
  async opens(name: string): Promise<void> {
    const find = (text: string): boolean => {
      const summary = [...document.querySelectorAll<HTMLElement>("summary")].find((one) => one.innerText.trim() === text);
      summary?.click();
      return summary !== undefined;
    };
    await this.sees(`there is ${name} to open`, find, name);
  }

  /** Waits until a field holds a text. */
  holdsText(text: string): Promise<void> {
    return this.sees(`a field holds ${text}`, (value) => [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("input, textarea")].some((field) => field.value === value), text);
  }

  /** Chooses what is called so in a list of choices. */
  async chooses(label: string, choice: string): Promise<void> {
    const choose = (name: string, text: string): boolean => {
      const list = [...document.querySelectorAll("select")].find((one) => [...one.labels].some((its) => its.innerText.trim().startsWith(name)));
      const option = [...(list?.options ?? [])].find((one) => one.text === text);
      if (list === undefined || option === undefined) return false;
      list.value = option.value;
      list.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    };
    await this.sees(`there is ${choice} to choose of ${label}`, choose, label, choice);
  }

  /** Types into a field in place of what it holds. */
  async writes(label: string, text: string): Promise<void> {
    await this.sees(
      `there is a field called ${label}`,
      (name) => {
        const field = [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("input, textarea")].find((one) => [...(one.labels ?? [])].some((its) => its.innerText.trim().startsWith(name)));
        field?.focus();
        field?.select();
        return field !== undefined && document.activeElement === field;
      },
      label,
    );
    await this.keys.type(text);
  }

  /** Returns what axe finds wrong, in light, in dark and on a phone; and whether anything makes a phone scroll sideways. */
  async faults(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [name, scheme, size] of [["light", "light", DESK], ["dark", "dark", DESK], ["phone", "light", PHONE]] as const) {
      await this.setScheme(scheme);
      await this.resize(size);
      found.push(...(await complaints(this.tab)).map((complaint) => `${name}: ${complaint}`));
      const wide = await this.tab.run(() => {
        const { clientWidth, scrollWidth } = document.documentElement;
        if (scrollWidth <= clientWidth) return [];
        // What sticks out by itself, or what is inside of it.
        const sticksOut = (element: Element): boolean => element.getBoundingClientRect().right > clientWidth + 1 || (element.scrollWidth > clientWidth && getComputedStyle(element).overflowX === "visible");
        const culprits = [...document.querySelectorAll("body *")].filter((element) => sticksOut(element) && ![...element.children].some(sticksOut));
        return [culprits.map((element) => `${element.tagName} ${element.className}`).join(", ")];
      });
      found.push(...wide.map((element) => `${name}: wider than the screen: ${element}`));
    }
    await this.setScheme("light");
    await this.resize(DESK);
    return found;
  }

  /** Has the system want light or dark. */
  async setScheme(scheme: "light" | "dark"): Promise<void> {
    await this.tab.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async resize({ width, height }: { readonly width: number; readonly height: number }): Promise<void> {
    await this.tab.cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  onPhone(): Promise<void> {
    return this.resize(PHONE);
  }

  onDesk(): Promise<void> {
    return this.resize(DESK);
  }

  /** Takes a picture for the guide, where the run was asked for pictures: `PICTURES` names their folder. */
  async pictures(name: string): Promise<void> {
    const folder = process.env["PICTURES"];
    if (folder === undefined) return;
    const { data } = (await this.tab.cdp("Page.captureScreenshot", { format: "png" })) as { readonly data: string };
    writeFileSync(join(folder, `${name}.png`), Buffer.from(data, "base64"));
  }
}
