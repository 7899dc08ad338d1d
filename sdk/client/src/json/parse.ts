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
const DOUBTFUL = /(?:^|[[:,\s])-?(?:[\d.]{16}|[\d.]+e[+-]?\d{3})|\\ud[89a-f]/i;

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
  if (DOUBTFUL.test(text)) return parseStrictly(text);
  try {
    return JSON.parse(text) as Json;
  } catch {
    // What the platform says of it holds a piece of the text.
    throw malformed();
  }
}

/** Reads a JSON text as `parse` does, and refuses keys that stand twice. */
export function parseStrictly(text: string, depthMax = DEPTH_MAX): Json {
  let at = 0;

  /** Returns what matches here, and goes on behind it and the white space that follows. */
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return undefined;
    at += found.length;
    skip();
    return found;
  };
  const skip = (): void => {
    while (" \t\n\r".includes(text[at] ?? "x")) at++;
  };
  const eat = (character: string): boolean => {
    if (text[at] !== character) return false;
    at++;
    skip();
    return true;
  };
  const need = <T>(found: T | undefined | false): T => {
    if (found === undefined || found === false) throw malformed();
    return found;
  };

  const readString = (): string => {
    let end = at;
    let isEscaped: boolean;
    do {
      end = text.indexOf('"', end + 1);
      need(end > 0);
      let before = end;
      while (text[before - 1] === "\\") before--;
      isEscaped = (end - before) % 2 === 1;
    } while (isEscaped);
    let found: string;
    try {
      found = JSON.parse(text.slice(at, end + 1)) as string;
    } catch {
      throw malformed();
    }
    need(isWellFormed(found));
    at = end + 1;
    skip();
    return found;
  };

  const read = (depth: number): Json => {
    if (text[at] === '"') return readString();
    if (eat("[")) {
      need(depth < depthMax);
      const array: Json[] = [];
      if (eat("]")) return array;
      do array.push(read(depth + 1));
      while (eat(","));
      need(eat("]"));
      return array;
    }
    if (eat("{")) {
      need(depth < depthMax);
      const object: Record<string, Json> = {};
      if (eat("}")) return object;
      do {
        need(text[at] === '"');
        const key = readString();
        need(eat(":") && !Object.hasOwn(object, key));
        define(object, key, read(depth + 1));
      } while (eat(","));
      need(eat("}"));
      return object;
    }
    const word = take(/true|false|null/y);
    if (word) return JSON.parse(word) as Json;
    return need(numberOf(need(take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y))));
  };

  skip();
  const value = read(0);
  need(at === text.length);
  return value;
}

/** Returns whether a text has no lone surrogate, which UTF-8 cannot hold. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function malformed(): SynclineError {
  return new SynclineError("MESSAGE_MALFORMED", "not a JSON text within the bounds");
}
