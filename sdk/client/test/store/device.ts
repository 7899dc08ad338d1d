/** A store of a device for tests, with records that a hub has told. */

import { memory } from "../../src/storage/memory.js";
import type { OpenStorage } from "../../src/storage/storage.js";
import type { Entry } from "../../src/store/entry.js";
import { LeadingStore } from "../../src/store/leading.js";
import { discard, retry } from "../../src/store/again.js";
import { shown } from "../../src/store/shown.js";
import { Store, type Told } from "../../src/store/store.js";
import type { Change, Follow, Page, Result } from "../../src/protocol/message.js";
import type { Effect, Operation } from "../../src/protocol/operation.js";

export const INCARNATION = "00000000000000000000000000000abc";

export interface Tab {
  readonly store: Store;
  /** What the connection asks, once the tab leads. */
  side: LeadingStore;
  readonly told: Told[];
  readonly changed: Entry[][];
  readonly fates: Told["fates"][number][];
  readonly failures: unknown[];
  deposed: number;
}

/** Opens a tab of a device; what one tab writes is told to those in `others`, later. */
export async function openTab(storage: OpenStorage = memory(), others: Set<Tab> = new Set(), name = "device"): Promise<Tab> {
  const place = await storage(name);
  const tab = { told: [], changed: [], fates: [], failures: [], deposed: 0 } as unknown as { -readonly [K in keyof Tab]: Tab[K] };
  tab.store = await Store.open(place, () => `web-${Math.random().toString(16).slice(2)}`, {
    changed: (entries) => tab.changed.push([...entries]),
    written: (told) => {
      tab.told.push(told);
      const copy = structuredClone(told);
      for (const other of others) if (other !== tab) setTimeout(() => other.store.handleTold(copy));
    },
    settled: (fates) => tab.fates.push(...fates),
    deposed: () => (tab.deposed += 1),
    failed: (error) => tab.failures.push(error),
  });
  others.add(tab);
  return tab;
}

/** Has a tab lead, in a term that is written. */
export async function lead(tab: Tab, term = "1", follows: readonly Follow[] = [{}]): Promise<Tab> {
  await tab.store.storage.commit({ put: [["meta", "term", term]] });
  tab.side = await LeadingStore.lead(tab.store, follows, term);
  return tab;
}

export function edit(tab: Tab, id: string, effect: Effect, texts: Record<string, string> = {}): Promise<number[]> {
  return tab.store.edit([{ entity: "tasks", id, effect, texts, isUrgent: false }], new Date(0));
}

export function shownOf(tab: Tab, id: string): unknown {
  const entry = tab.store.state.find("tasks", id);
  return entry && shown(entry)?.value;
}

export function page(changes: readonly Partial<Change>[], position: number, facts: Partial<Page> = {}): Page {
  const cursor = `${INCARNATION}:${position}`;
  return { changes: changes.map((change) => ({ entity: "tasks", id: "t1", position, version: `v${position}`, ...change })), cursor, more: false, ...facts };
}

/** Returns the cursor of a place within a snapshot that began at a position. */
export function withinSnapshot(began: number, entity = "tasks", id = "t1"): string {
  const varint = (number: number): number[] => (number < 128 ? [number] : [(number & 127) | 128, ...varint(number >> 7)]);
  const text = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const encode = (bytes: readonly number[]) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const incarnation = INCARNATION.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  return `${encode([1, ...incarnation, 1, 0, ...varint(began), 0, 0, 0, 0])}.${encode([...text(entity), ...text(id)])}`;
}

/** Answers an operation that the store has handed out. */
export function answer(tab: Tab, counter: number, result: Partial<Result>): { operation: Operation; result: Result; asked: readonly number[] } {
  const operation = tab.store.state.queue.get(counter)?.operation;
  if (!operation) throw new Error(`no operation ${counter}`);
  return { operation, result: { op: counter, status: "applied", ...result }, asked: [] };
}

/** Makes a refused operation anew. */
export function retryIn(tab: Tab, counter: number): Promise<number[]> {
  return tab.store.perform((work) => retry(work, counter, new Date(2_000)));
}

/** Drops a refused operation. */
export function discardIn(tab: Tab, counter: number): Promise<void> {
  return tab.store.perform((work) => void discard(work, counter));
}
