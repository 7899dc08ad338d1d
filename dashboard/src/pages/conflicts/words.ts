/** Conflicts and decisions in words. */

import type { Choice, Conflict, Json } from "../../hub/shapes";
import { written } from "../../parts/value";
import { CONFLICTS, DESK } from "../../texts/conflicts";

/** Longest value in the words of a decision, in characters: a button is no page. */
const VALUE_CHARS_MAX = 40;

/** Returns the name of the field. */
export function fieldOf({ path }: Conflict): string {
  return path === "" ? CONFLICTS.wholeRecord : path;
}

/** Returns a decision in words. */
export function said(choice: Choice): string {
  if ("take" in choice) return DESK.take(choice.take);
  if ("both" in choice) return DESK.both(choice.both);
  if ("keep" in choice) return DESK.keep;
  if ("delete" in choice) return DESK.remove;
  const text = written(choice.value);
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

/** Returns whether two choices are the same. */
export function isSame(one: Choice | undefined, other: Choice): boolean {
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

/** Returns what a record holds at a path, as RFC 6901 writes it. */
export function at(record: Json | undefined, path: string): Json | undefined {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<Json | undefined>((value, part) => {
      if (typeof value !== "object" || value === null) return undefined;
      return Object.hasOwn(value, part) ? (value as { readonly [name: string]: Json })[part] : undefined;
    }, record);
}

/** Returns the writers of a conflict. */
export function writersOf({ sides }: Conflict): readonly string[] {
  return sides.flatMap(({ writer }) => (writer === undefined ? [] : [writer]));
}
