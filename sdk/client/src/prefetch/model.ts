/**
 * What is opened next: how often each thing was opened, and what was opened after what.
 *
 * After two openings in a row the model has seen what followed these two, what followed the last one, and what is opened at all.
 * The first says most and is seen least often, so each is trusted as far as it has been seen, and the next one speaks for the
 * rest (prediction by partial matching, Cleary and Witten 1984, with the blending of Moffat's method C). What is old counts less:
 * a row whose counts have grown is halved.
 */

import { CONTEXTS_MAX, FOLLOWERS_MAX, KEY_CHARS_MAX, OPENED_COUNT_MAX, OPENED_MAX, ROW_COUNT_MAX } from "./limits.js";

/** A thing, and how likely it is opened next. */
export interface Prediction {
  readonly key: string;
  /** Between 0 and 1. */
  readonly likelihood: number;
}

/** What learns which thing is opened next. */
export interface Model {
  /** Takes note that a thing was opened. */
  note(key: string): void;
  /** Returns at most so many things that may be opened next, the likeliest first. */
  predict(count: number): readonly Prediction[];
  /** Takes note that a stretch of use begins: what is opened next does not follow what was opened last. */
  begin(): void;
  /** Returns what was learnt, for `createModel`. It has the keys in it. */
  save(): string;
}

/** How often each thing was opened in one context, in the order in which they were opened last. */
type Row = Map<string, number>;

/** Joins two keys; a key with it in itself would only be mistaken for two. */
const JOINT = "\u0000";

/**
 * Returns a model that has learnt nothing, or what another one has saved.
 *
 * What cannot be read counts for nothing: a model is only ever a guess.
 */
export function createModel(saved?: string): Model {
  const { opened, after } = restored(saved);
  let last: string | undefined;
  let before: string | undefined;

  function follow(context: string, key: string): void {
    const row: Row = after.get(context) ?? new Map();
    after.delete(context);
    after.set(context, row);
    count(row, key, FOLLOWERS_MAX, ROW_COUNT_MAX);
    dropOldest(after, CONTEXTS_MAX);
  }

  return {
    note(key) {
      if (key.length > KEY_CHARS_MAX) return;
      count(opened, key, OPENED_MAX, OPENED_COUNT_MAX);
      if (last !== undefined) follow(last, key);
      if (last !== undefined && before !== undefined) follow(before + JOINT + last, key);
      before = last;
      last = key;
    },
    begin() {
      before = last = undefined;
    },
    predict(limit) {
      const rows: (Row | undefined)[] = [];
      if (last !== undefined && before !== undefined) rows.push(after.get(before + JOINT + last));
      if (last !== undefined) rows.push(after.get(last));
      rows.push(opened);
      return blended(rows, last, limit);
    },
    save: () => JSON.stringify([[...opened], [...after].map(([context, row]) => [context, [...row]])]),
  };
}

/** Counts one opening; halves the row where it has grown too much, and drops the least of it where it is too long. */
function count(row: Row, key: string, length: number, most: number): void {
  const times = (row.get(key) ?? 0) + 1;
  row.delete(key);
  row.set(key, times);
  let sum = 0;
  for (const each of row.values()) sum += each;
  if (sum > most) {
    for (const [each, times] of row) {
      if (times < 2) row.delete(each);
      else row.set(each, times / 2);
    }
    if (!row.has(key)) row.set(key, 1);
  }
  if (row.size <= length) return;
  let least: string | undefined;
  let fewest = Infinity;
  // The first of equals was opened longest ago.
  for (const [each, times] of row) if (each !== key && times < fewest) [least, fewest] = [each, times];
  if (least !== undefined) row.delete(least);
}

/** Blends what rows say, the most telling first: each row is trusted as far as it has been seen. */
function blended(rows: readonly (Row | undefined)[], opened: string | undefined, limit: number): Prediction[] {
  const likelihoods = new Map<string, number>();
  let left = 1;
  for (const row of rows) {
    if (row === undefined || row.size === 0) continue;
    let sum = 0;
    for (const times of row.values()) sum += times;
    // Method C: what has followed in so many ways will follow in yet another one that often.
    const trusted = (left * sum) / (sum + row.size);
    for (const [key, times] of row) {
      if (key !== opened) likelihoods.set(key, (likelihoods.get(key) ?? 0) + (trusted * times) / sum);
    }
    left -= trusted;
  }
  const sorted = [...likelihoods].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return sorted.slice(0, limit).map(([key, likelihood]) => ({ key, likelihood }));
}

/** Drops what was used longest ago until so many are left. */
function dropOldest(map: Map<string, unknown>, length: number): void {
  for (const key of map.keys()) {
    if (map.size <= length) return;
    map.delete(key);
  }
}

/** Reads what was saved, within the bounds of what is learnt. */
function restored(saved: string | undefined): { opened: Row; after: Map<string, Row> } {
  const opened: Row = new Map();
  const after = new Map<string, Row>();
  let read: unknown;
  try {
    read = JSON.parse(saved ?? "[]");
  } catch {
    read = [];
  }
  const [counts, contexts] = array(read);
  fill(opened, counts, OPENED_MAX);
  for (const entry of array(contexts).slice(-CONTEXTS_MAX)) {
    const [context, followers] = array(entry);
    if (typeof context !== "string" || context.length > 2 * KEY_CHARS_MAX + 1) continue;
    const row: Row = new Map();
    fill(row, followers, FOLLOWERS_MAX);
    if (row.size > 0) after.set(context, row);
  }
  return { opened, after };
}

function fill(row: Row, counts: unknown, length: number): void {
  for (const entry of array(counts).slice(-length)) {
    const [key, times] = array(entry);
    if (typeof key === "string" && key.length <= KEY_CHARS_MAX && typeof times === "number" && times > 0 && times <= OPENED_COUNT_MAX) {
      row.set(key, times);
    }
  }
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
