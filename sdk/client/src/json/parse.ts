/** From text to values, without losing a digit. */

import { SynclineError } from "../error.js";
import { numberOf } from "./number.js";
import type { Json } from "./value.js";
import { define } from "./value.js";

/** Most arrays and objects inside one another: those of a record and those of the message that it stands in. */
const DEPTH_MAX = 64 + 8;

/**
 * Finds what the platform's parser might not keep: 16 digits in a row or more, exponents of three, and escapes of surrogates.
 * What stands in a string is rarely found, and then only read more slowly.
 */
const DOUBTFUL = /[[:,\s]-?(?:[\d.]{16}|[\d.]+e[+-]?\d{3})|\\ud[89a-f]/i;

/**
 * Reads a JSON text. Numbers that the platform does not hold exactly are `Decimal`; numbers beyond the bounds and lone
 * surrogates are refused.
 *
 * Of a key that stands twice the last counts, unless the text has something that needs to be read with care: what a hub or
 * this client wrote has none.
 *
 * @throws SynclineError `MESSAGE_MALFORMED`.
 */
export function parse(text: string): Json {
  // A number alone has nothing before it. To look for the beginning of the text as well takes three times as long.
  if (!/^[[{]/.test(text) || DOUBTFUL.test(text)) return parseStrictly(text);
  try {
    return JSON.parse(text) as Json;
  } catch {
    // What the platform says of it holds a piece of the text.
    throw malformed();
  }
}

/** Reads a JSON text as `parse` does, and refuses keys that stand twice. */
export function parseStrictly(text: string, depthMax = DEPTH_MAX): Json {
  try {
    JSON.parse(text);
  } catch {
    throw malformed();
  }
  // From here on it is JSON, so that nothing but values and what ends them needs to be looked at.
  let at = 0;
  const next = (): string | undefined => {
    while (" \t\n\r,:".includes(text[at] ?? "x")) at++;
    return text[at];
  };
  const must = (holds: boolean): void => {
    if (!holds) throw malformed();
  };

  const readString = (): string => {
    const start = at;
    for (let isEscaped = true; isEscaped; ) {
      at = text.indexOf('"', at + 1);
      let before = at;
      while (text[before - 1] === "\\") before--;
      isEscaped = (at - before) % 2 === 1;
    }
    const found = JSON.parse(text.slice(start, ++at)) as string;
    must(isWellFormed(found));
    return found;
  };

  const read = (depth: number): Json => {
    const first = next();
    if (first === '"') return readString();
    if (first !== "[" && first !== "{") {
      const start = at;
      while (/[\w.+-]/.test(text[at] ?? "")) at++;
      const word = text.slice(start, at);
      const value = /\d/.test(word) ? numberOf(word) : (JSON.parse(word) as Json);
      must(value !== undefined);
      return value as Json;
    }
    must(depth < depthMax);
    const array: Json[] = [];
    const object: Record<string, Json> = {};
    at++;
    if (first === "[") {
      while (next() !== "]") array.push(read(depth + 1));
    } else {
      while (next() !== "}") {
        const key = readString();
        must(!Object.hasOwn(object, key));
        define(object, key, read(depth + 1));
      }
    }
    at++;
    return first === "[" ? array : object;
  };
  return read(0);
}

/** Returns whether a text has no lone surrogate, which UTF-8 cannot hold. */
export function isWellFormed(text: string): boolean {
  // With `u` those that are whole are one character of another kind. Not every engine knows `\p{Surrogate}`.
  return !/[\ud800-\udfff]/u.test(text);
}

function malformed(): SynclineError {
  return new SynclineError("MESSAGE_MALFORMED", "not a JSON text within the bounds");
}
