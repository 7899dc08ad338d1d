/**
 * What an operation does to a record, said in another way than the client does: a record is a table of fields by path, as the hub has it.
 * Slow, and of another hand, so that the same fault is hardly in both.
 */

import { canonical } from "../../src/json/canonical.js";
import type { Json, JsonObject } from "../../src/json/value.js";
import { parse } from "../../src/json/parse.js";
import { write } from "../../src/json/write.js";
import type { Effect, PutMember, Writes } from "../../src/protocol/operation.js";

type Fields = Map<string, string>;

const escaped = (key: string): string => "/" + key.replaceAll("~", "~0").replaceAll("/", "~1");
const unescaped = (key: string): string => key.replaceAll("~1", "/").replaceAll("~0", "~");

function flatten(value: Json, path: string, fields: Fields): Fields {
  const text = write(value);
  if (text.startsWith("{") && text !== "{}") {
    for (const [key, inner] of Object.entries(value as JsonObject)) flatten(inner, path + escaped(key), fields);
  } else if (path) {
    fields.set(path, text);
  }
  return fields;
}

function unflatten(fields: Fields): JsonObject {
  // Without a prototype, so that a member may have any name.
  const object = (): Record<string, Json> => Object.create(null) as Record<string, Json>;
  const record = object();
  for (const [path, text] of fields) {
    const keys = path.split("/").slice(1).map(unescaped);
    let inner = record;
    for (const key of keys.slice(0, -1)) inner = (inner[key] ??= object()) as Record<string, Json>;
    inner[keys.at(-1) ?? ""] = parse(text);
  }
  return record;
}

function clearBelow(fields: Fields, path: string): void {
  for (const known of [...fields.keys()]) if (known === path || known.startsWith(`${path}/`)) fields.delete(known);
}

function put(fields: Fields, path: string, text: string): void {
  clearBelow(fields, path);
  for (const known of [...fields.keys()]) if (path.startsWith(`${known}/`)) fields.delete(known);
  fields.set(path, text);
}

function carryOut(fields: Fields, writes: Writes): void {
  const part = <T>(of: Readonly<Record<string, T>> | undefined, what: (path: string, value: T) => void): void => {
    for (const path of Object.keys(of ?? {}).sort()) what(path, (of as Readonly<Record<string, T>>)[path] as T);
  };
  const arrayAt = (path: string): Json[] | undefined => {
    const held = fields.get(path);
    return held === undefined ? [] : held.startsWith("[") ? (parse(held) as Json[]) : undefined;
  };
  part(writes.set, (path, value) => flatten(value, path, new Map()).forEach((text, at) => put(fields, at, text)));
  for (const path of writes.unset ?? []) clearBelow(fields, path);
  part(writes.inc, (path, by) => {
    const held = fields.get(path) ?? "0";
    // Only small numbers are tried here, of which the platform's sums are exact.
    if (/^-?\d/.test(held)) put(fields, path, String((Number(held) * 4 + Number(by) * 4) / 4));
  });
  for (const path of writes.reset ?? []) if (/^-?\d/.test(fields.get(path) ?? "0")) put(fields, path, "0");
  part(writes.add, (path, elements) => {
    for (const element of elements) {
      const array = arrayAt(path);
      if (array && !array.some((known) => canonical(known) === canonical(element))) put(fields, path, write([...array, element]));
    }
  });
  part(writes.remove, (path, elements) => {
    for (const element of elements) {
      const array = arrayAt(path);
      const left = array?.filter((known) => canonical(known) !== canonical(element));
      if (array && left && left.length < array.length) put(fields, path, write(left));
    }
  });
  part(writes.append, (path, elements) => {
    for (const element of elements) {
      const array = arrayAt(path);
      if (array) put(fields, path, write([...array, element]));
    }
  });
  part(writes.begin, (path, text) => put(fields, path, JSON.stringify(text)));
  part(writes.text, (path, edit) => {
    const held = fields.get(path);
    if (!held?.startsWith('"')) return;
    const rest = [...(parse(held) as string)];
    let length = 0;
    for (const step of edit) length += typeof step === "number" ? Math.abs(step) : 0;
    if (length !== rest.length) return;
    const text = edit.map((step) => {
      if (typeof step === "string") return step;
      const taken = rest.splice(0, Math.abs(step as number)).join("");
      return (step as number) > 0 ? taken : "";
    });
    put(fields, path, JSON.stringify(text.join("")));
  });
  part(writes.put, (path, members) => {
    const array = arrayAt(path);
    if (!array) return;
    const find = keyFinder([...array]);
    let isWritten = false;
    for (const key of Object.keys(members).sort()) {
      const { create, ...writesInside } = members[key] as PutMember;
      const at = find(key);
      const held = at === undefined || create ? {} : array[at];
      if (typeof held !== "object" || held === null || Array.isArray(held)) continue;
      const inside = flatten(held as JsonObject, "", new Map());
      carryOut(inside, writesInside);
      array[at ?? array.length] = unflatten(inside);
      isWritten = true;
    }
    if (isWritten) put(fields, path, write(array));
  });
  part(writes.drop, (path, keys) => {
    const array = arrayAt(path);
    if (!array) return;
    const find = keyFinder([...array]);
    const gone = keys.map(find).filter((at) => at !== undefined);
    if (gone.length) put(fields, path, write(array.filter((_, at) => !gone.includes(at))));
  });
}

function keyFinder(array: readonly Json[]): (key: string) => number | undefined {
  const places = array.map((_, at) => at);
  const keyOf = (at: number, name: string): string | undefined => {
    const member = array[at] as JsonObject | null;
    const value = typeof member === "object" && member !== null && !Array.isArray(member) && Object.hasOwn(member, name) ? member[name] : undefined;
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  };
  const names = [...new Set(array.flatMap((member) => Object.keys(Object(member) as object)))].sort();
  const good = names.filter((name) => {
    const keys = places.map((at) => keyOf(at, name));
    return keys.every((key) => key !== undefined) && new Set(keys).size === keys.length;
  });
  if (good.includes("id")) good.unshift("id");
  return (key) => good.map((name) => places.find((at) => keyOf(at, name) === key)).find((at) => at !== undefined);
}

/** Returns the record after an operation, `undefined` where it is not there. */
export function predictSlowly(record: JsonObject | undefined, effect: Effect): JsonObject | undefined {
  if (effect.delete) return undefined;
  const fields = flatten(record ?? {}, "", new Map());
  carryOut(fields, effect);
  return unflatten(fields);
}
