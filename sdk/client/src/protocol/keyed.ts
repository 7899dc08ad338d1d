/**
 * Arrays whose members have keys. Under which name a member bears its key is judged by the members: a name is good if each has
 * a text or a number under it, no two the same.
 */

import { canonicalNumber } from "../json/number.js";
import { compareBytes } from "../json/order.js";
import { Decimal, isObject, isWithinLevels, type Json } from "../json/value.js";
import type { PutMember } from "./operation.js";
import { written } from "./predict.js";

/** Returns an array after some of its members were written into; `undefined` if none was. */
export function putMembers(array: readonly Json[], members: Readonly<Record<string, PutMember>>): readonly Json[] | undefined {
  const placeOf = placesIn(array);
  const after = [...array];
  let isWritten = false;
  for (const [key, writes] of Object.entries(members).sort(([a], [b]) => compareBytes(a, b))) {
    const place = placeOf(key) ?? after.length;
    const held = writes.create || place === after.length ? {} : after[place];
    if (!isObject(held)) continue;
    const member = written(held, writes);
    if (!isWithinLevels(member)) continue;
    after[place] = member;
    isWritten = true;
  }
  return isWritten && isWithinLevels(after) ? after : undefined;
}

/** Returns an array without some of its members; `undefined` if it has none of them. */
export function dropMembers(array: readonly Json[], keys: readonly string[]): readonly Json[] | undefined {
  const places = new Set(keys.map(placesIn(array)));
  const left = array.filter((_, place) => !places.has(place));
  return left.length < array.length ? left : undefined;
}

/** Returns what finds a member by its key: under `id` first, then under the other good names in their order. */
function placesIn(array: readonly Json[]): (key: string) => number | undefined {
  const names = new Map<string, Map<string, number>>();
  for (const [place, member] of array.entries()) {
    if (!isObject(member)) return () => undefined;
    for (const [name, value] of Object.entries(member)) {
      const key = keyText(value);
      if (key === undefined) continue;
      const places = names.get(name) ?? new Map<string, number>();
      names.set(name, places.set(key, place));
    }
  }
  const rank = (name: string): number => (name === "id" ? 0 : 1);
  const good = [...names]
    .filter(([, places]) => places.size === array.length)
    .sort(([a], [b]) => rank(a) - rank(b) || compareBytes(a, b));
  return (key) => good.find(([, places]) => places.has(key))?.[1].get(key);
}

function keyText(value: Json): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || value instanceof Decimal ? canonicalNumber(value) : undefined;
}
