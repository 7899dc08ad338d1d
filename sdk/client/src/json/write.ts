/** From values to text, with every digit. */

import { Decimal, type Json, wasDecimalWritten } from "./value.js";

/** What has a JSON text: values, and things made of them. Members that are `undefined` are left out. */
export type Writable = Json | object | undefined;

/** Returns the JSON text of a value, without white space. */
export function write(value: Writable): string {
  wasDecimalWritten();
  const text = JSON.stringify(value);
  return wasDecimalWritten() ? writeExactly(value) : text;
}

function writeExactly(value: Writable): string {
  if (value instanceof Decimal) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeExactly).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value as Readonly<Record<string, Writable>>).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${writeExactly(member)}`).join()}}`;
}
