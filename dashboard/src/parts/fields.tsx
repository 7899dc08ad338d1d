/** A record beside another one, field by field. */

import type { ReactElement } from "react";
import type { Json, RecordValue } from "../hub/shapes";
import { TEXTS } from "../texts/texts";
import { Value } from "./value";

/** Deepest level that is taken apart; what lies deeper is one value. Records of more levels are rare, and read no better so. */
const LEVELS_MAX = 16;

/** Returns the fields of a record by their paths; an array, and an empty object, is one value. */
export function fieldsOf(record: RecordValue | null | undefined): ReadonlyMap<string, Json> {
  const fields = new Map<string, Json>();
  const walk = (value: Json, path: string, level: number): void => {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const inside = isObject ? Object.entries(value) : [];
    if (inside.length === 0 || level >= LEVELS_MAX) fields.set(path, value);
    else for (const [name, one] of inside) walk(one as Json, `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, level + 1);
  };
  if (record !== null && record !== undefined) for (const [name, one] of Object.entries(record)) walk(one, `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, 1);
  return fields;
}

const same = (one: Json | undefined, other: Json | undefined): boolean => JSON.stringify(one) === JSON.stringify(other);

interface Beside {
  readonly before: RecordValue | null | undefined;
  readonly after: RecordValue | null;
  readonly names: readonly [before: string, after: string];
}

/** All fields of two records, those that differ first and marked. */
export function FieldsBeside({ before, after, names }: Beside): ReactElement {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  const differs = (path: string): boolean => !same(old.get(path), now.get(path));
  const ordered = [...paths.filter(differs), ...paths.filter((path) => !differs(path))];
  return (
    <>
      {paths.some(differs) ? null : <p className="notice">{TEXTS.changes.nothingDiffers}</p>}
      <table className="list fields">
      <thead>
        <tr>
          <th scope="col">{TEXTS.changes.field}</th>
          <th scope="col">{names[0]}</th>
          <th scope="col">{names[1]}</th>
        </tr>
      </thead>
      <tbody>
        {ordered.map((path) => (
          <tr key={path} className={differs(path) ? "differs" : "same"}>
            <th scope="row">
              <code>{path}</code>
            </th>
            <td data-label={names[0]}>
              <Value value={old.get(path)} than={differs(path) ? now.get(path) : undefined} />
            </td>
            <td data-label={names[1]}>
              <Value value={now.get(path)} than={differs(path) ? old.get(path) : undefined} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
    </>
  );
}

/** The fields of one record. */
export function Fields({ record }: { readonly record: RecordValue }): ReactElement {
  return (
      <table className="list fields">
      <tbody>
        {[...fieldsOf(record)].map(([path, value]) => (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
            </th>
            <td>
              <Value value={value} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
