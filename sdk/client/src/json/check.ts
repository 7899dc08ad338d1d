/** Values that an app hands in: it may hand in anything. */

import { SynclineError } from "../error.js";
import { isNumberText, numberOf } from "./number.js";
import { isWellFormed } from "./parse.js";
import { Decimal, define, type Json, LEVELS_MAX } from "./value.js";

/**
 * Returns a copy of a value, which the app may go on to change, once it is sure that JSON can say it.
 *
 * - `path`: where it is to stand; the deeper that is, the less may be inside the value.
 *
 * @throws SynclineError `CLIENT_VALUE_INVALID` for what is `undefined`, `NaN`, an instance of a class, nested too deeply, or has a lone surrogate.
 */
export function checked<T extends Json>(value: T, path = ""): T {
  return copied(value, LEVELS_MAX - path.split("/").length + 1) as T;
}

function copied(value: unknown, levels: number): Json {
  switch (typeof value) {
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    case "string":
      if (isWellFormed(value)) return value;
      break;
    case "object":
      if (value === null) return value;
      // One that the platform holds is the platform's.
      if (value instanceof Decimal && isNumberText(value.text)) return numberOf(value.text) ?? value;
      if (levels > 0 && Array.isArray(value)) return Array.from(value, (inner) => copied(inner, levels - 1));
      if (levels > 0 && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)) {
        const copy: Record<string, Json> = {};
        for (const [name, inner] of Object.entries(value)) define(copy, copied(name, 0) as string, copied(inner, levels - 1));
        return copy;
      }
  }
  throw new SynclineError("CLIENT_VALUE_INVALID", "not a value that JSON can say, or too deep");
}
