/** Live queries: who subscribes is told what has changed of the result. */

import type { Delta, LiveQuery, Shown } from "../api.js";
import { windowOf, type Plan } from "./query.js";

/** Where a live query finds its records. */
export interface LiveSource {
  /** Returns all records that a query may ask for. */
  all(plan: Plan): Iterable<Shown | undefined>;
  /** Has a query be told of changes from now on, or no more. */
  follow(live: Live, isFollowed: boolean): void;
  /** A number that is another one after every change. */
  version(): number;
}

/** The result of a query that is kept up to date while somebody listens. */
export class Live implements LiveQuery {
  readonly plan: Plan;
  readonly #source: LiveSource;
  readonly #listeners = new Set<(delta: Delta) => void>();
  /** While somebody listens: all records that are accepted, in order, and each by its id. */
  #matching: Shown[] = [];
  #byId = new Map<string, Shown>();
  #window: readonly Shown[] = [];
  /** As of which change the answer was made while nobody listened. */
  #version = -1;

  constructor(plan: Plan, source: LiveSource) {
    this.plan = plan;
    this.#source = source;
  }

  records(): readonly Shown[] {
    const version = this.#source.version();
    if (!this.#listeners.size && this.#version !== version) {
      this.#fill();
      this.#version = version;
    }
    return this.#window;
  }

  subscribe(listener: (delta: Delta) => void): () => void {
    if (!this.#listeners.size) {
      this.#fill();
      this.#source.follow(this, true);
    }
    // One function may listen twice.
    const own = (delta: Delta) => listener(delta);
    this.#listeners.add(own);
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size) return;
      this.#source.follow(this, false);
      this.#version = this.#source.version();
    };
  }

  /** Makes the result anew; it is the same array where it is the same result. */
  #fill(): void {
    const found = [...this.#source.all(this.plan)].filter((record): record is Shown => !!record && this.plan.accepts(record));
    this.#matching = found.sort(this.plan.compare);
    this.#byId = new Map(found.map((record) => [record.id, record]));
    const after = windowOf(this.plan, found);
    if (!isAlike(this.#window, after)) this.#window = after;
  }

  /** Takes in how records are shown now; `undefined` for one that is not there. */
  handle(records: readonly (readonly [id: string, record: Shown | undefined])[]): void {
    const { plan } = this;
    const touched = new Set<string>();
    const isMany = records.length > this.#matching.length / 8 + 8;
    for (const [id, shown] of records) {
      let record: Shown | undefined;
      // One of which the app's own filter throws is left out: what is being written goes on.
      tellAll([() => shown && plan.accepts(shown) && (record = shown)], 0);
      const before = this.#byId.get(id);
      if (before === record) continue;
      touched.add(id);
      if (!isMany && before) this.#matching.splice(this.#place(before), 1);
      if (record) this.#byId.set(id, record);
      else this.#byId.delete(id);
      if (!isMany && record) this.#matching.splice(this.#place(record), 0, record);
    }
    if (isMany && touched.size) this.#matching = [...this.#byId.values()].sort(plan.compare);
    const [before, after] = [this.#window, windowOf(plan, this.#matching)];
    if (!touched.size || isAlike(before, after)) return;
    this.#window = after;
    const [was, is] = [new Set(before.map(({ id }) => id)), new Set(after.map(({ id }) => id))];
    const delta: Delta = {
      records: after,
      added: after.filter(({ id }) => !was.has(id)),
      changed: after.filter(({ id }) => was.has(id) && touched.has(id)),
      removed: before.filter(({ id }) => !is.has(id)).map(({ id }) => id),
    };
    tellAll(this.#listeners, delta);
  }

  /** Returns where a record stands, or would. */
  #place(record: Shown): number {
    let [from, to] = [0, this.#matching.length];
    while (from < to) {
      const at = (from + to) >> 1;
      const other = this.#matching[at];
      if (other && this.plan.compare(other, record) < 0) from = at + 1;
      else to = at;
    }
    return from;
  }
}

/** Tells all who listen. What one of them throws is its own affair. */
export function tellAll<T>(listeners: Iterable<(told: T) => void>, told: T): void {
  for (const listener of [...listeners]) {
    try {
      listener(told);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function isAlike(a: readonly Shown[], b: readonly Shown[]): boolean {
  return a.length === b.length && a.every((record, at) => record === b[at]);
}
