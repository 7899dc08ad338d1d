/** Properties that are kept in attributes. */

import { millisOf, type Timestamp } from "./age.js";

/** How a value is written into an attribute, and read from it. */
export interface Kind<T> {
  readonly write: (value: T) => string | null;
  readonly read: (text: string | null) => T;
}

/** Of any type: what a property takes and gives is declared where it is. */
interface AnyKind {
  readonly write: (value: never) => string | null;
  readonly read: (text: string | null) => unknown;
}

/** A time; read as it is written there. */
export const time: Kind<Timestamp> = {
  write: (value) => {
    if (typeof value === "string") return value;
    const millis = millisOf(value);
    return millis === undefined ? null : new Date(millis).toISOString();
  },
  read: (text) => text,
};

/** A text, or `null` for none. */
export const text: Kind<string | null | undefined> = { write: (value) => value ?? null, read: (text) => text };

/** Whether the attribute is there and is not "false". */
export const flag: Kind<boolean> = { write: (value) => (value ? "" : null), read: (text) => text !== null && text !== "false" };

/** A number that is not negative, or else the one that is given here. */
export const count = (otherwise: number): Kind<number> => ({
  write: String,
  read: (text) => {
    const value = Number(text);
    return text === null || text.trim() === "" || !(value >= 0) ? otherwise : value;
  },
});

const PROPERTIES = new WeakMap<object, readonly string[]>();

/** Makes properties, by name with attribute and kind. */
export function reflect(element: { readonly prototype: HTMLElement }, properties: Readonly<Record<string, readonly [attribute: string, kind: AnyKind]>>): void {
  for (const [name, [attribute, { write, read }]] of Object.entries(properties)) {
    Object.defineProperty(element.prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: HTMLElement) {
        return read(this.getAttribute(attribute));
      },
      set(this: HTMLElement, value: never) {
        const written = write(value);
        if (written === null) this.removeAttribute(attribute);
        else this.setAttribute(attribute, written);
      },
    });
  }
  PROPERTIES.set(element.prototype, Object.keys(properties));
}

/** Takes over what was set before the element was defined: then it was a property like any other, and hides ours. */
export function takeOver(element: HTMLElement): void {
  const own = element as unknown as Record<string, unknown>;
  for (const name of PROPERTIES.get(Object.getPrototypeOf(element) as object) ?? []) {
    if (!Object.hasOwn(element, name)) continue;
    const value = own[name];
    delete own[name];
    own[name] = value;
  }
}
