/** Keys as a person presses them, through the browser: what has the focus gets them. Chromium only. */

import { until } from "./process.js";
import type { Tab } from "./tab.js";

const CODES: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, Escape: 27, " ": 32, ArrowDown: 40, ArrowUp: 38 };
/** Shift, as DevTools counts it. */
const SHIFT = 8;
/** Most presses of Tab on the way to something: more than any page has to offer. */
const TABS_MAX = 200;

export class Keyboard {
  readonly #tab: Tab;

  private constructor(tab: Tab) {
    this.#tab = tab;
  }

  /** Takes the keyboard of a tab, which is looked at from then on, whatever else is. */
  static async of(tab: Tab): Promise<Keyboard> {
    await tab.cdp("Emulation.setFocusEmulationEnabled", { enabled: true });
    return new Keyboard(tab);
  }

  /** Presses keys one after the other, each named as `KeyboardEvent.key` names it. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
      const facts = { key, windowsVirtualKeyCode: CODES[key] ?? key.toUpperCase().charCodeAt(0), ...(text !== undefined && { text }) };
      await this.#tab.cdp("Input.dispatchKeyEvent", { type: "keyDown", ...facts });
      await this.#tab.cdp("Input.dispatchKeyEvent", { type: "keyUp", ...facts, text: undefined });
    }
  }

  /** Goes back by Shift and Tab. */
  async back(): Promise<void> {
    for (const type of ["keyDown", "keyUp"]) await this.#tab.cdp("Input.dispatchKeyEvent", { type, key: "Tab", windowsVirtualKeyCode: 9, modifiers: SHIFT });
  }

  /** Types a text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#tab.cdp("Input.insertText", { text });
  }

  /** Presses Tab until what has the focus is called so. */
  async tabTo(name: string): Promise<void> {
    for (let presses = 0; presses < TABS_MAX; presses += 1) {
      if ((await this.focused()).includes(name)) return;
      await this.press("Tab");
    }
    throw new Error(`no way by Tab to ${name}; the focus is on ${await this.focused()}`);
  }

  /** Returns what the thing with the focus is called. */
  focused(): Promise<string> {
    return this.#tab.run(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return "";
      const labels = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement ? [...(element.labels ?? [])].map((label) => label.innerText) : [];
      return (element.getAttribute("aria-label") ?? [...labels, element.innerText].join(" ")).trim();
    });
  }

  /** Waits until the focus is on something that is called so. */
  async isOn(name: string): Promise<void> {
    await until(`the focus is on ${name}`, async () => (await this.focused()).includes(name)).catch(async (error: Error) => {
      throw new Error(`${error.message}; it is on ${await this.focused()}`);
    });
  }
}
