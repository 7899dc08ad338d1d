/** What the connection asks of the store, in the tab that has it. */

import { later } from "../later.js";
import type { Follow, Page, Stretch, Welcome } from "../protocol/message.js";
import type { Queued } from "./entry.js";
import { maySend, settle, takePage, type Incoming } from "./incoming.js";
import { backedUp, boundKept, greet } from "./kept.js";
import type { Settled, StoreSide, Sum, TakenIn, Waiting } from "./side.js";
import type { Work } from "./state.js";
import type { Store } from "./store.js";
import { follow, forgetCursors, forgetDeleted, viewStates, type Said } from "./views.js";

/** Loads what adds records up; `undefined` where that cannot be, as in a page whose parts its server has no more. */
const loadCheck = () => later.check().catch(() => undefined);

export class LeadingStore implements StoreSide {
  readonly #store: Store;
  readonly #follows: readonly Follow[];
  /** The first counter of this tab since it leads: what is older may have been sent. And those handed out since. */
  readonly #ledAt: number;
  #handed = new Set<number>();
  /** Per view what was said to be held, while its snapshot comes. */
  #said = new Map<number, Said>();
  repairs = 0;

  private constructor(store: Store, follows: readonly Follow[]) {
    this.#store = store;
    this.#follows = follows;
    this.#ledAt = store.state.number("next");
  }

  /** Leads from now on, in a term that is written already; everything is as it is stored. */
  static async lead(store: Store, follows: readonly Follow[], term: string): Promise<LeadingStore> {
    await store.refresh(true);
    store.setTerm(term);
    await store.perform((work) => {
      follow(work, follows);
      forgetDeleted(work);
    }, true);
    return new LeadingStore(store, follows);
  }

  get client(): string {
    return this.#store.client;
  }

  follows(): readonly Follow[] {
    const views = viewStates(this.#store.state);
    return this.#follows.map((one, view) => {
      const cursor = views[view]?.cursor;
      // Who holds nothing need not be asked, and is told at once.
      const holds = this.#follows.length === 1 && !one.view && this.#holdsAny();
      return { ...one, ...(cursor !== undefined && { cursor }), ...(holds && { holds: true as const }) };
    });
  }

  /** Returns whether the hub has said anything of a record that is kept. */
  #holdsAny(): boolean {
    for (const { row, isConfirmed } of this.#store.state.entries()) if (isConfirmed || row !== undefined) return true;
    return false;
  }

  waiting(after: number, limit: number): readonly Waiting[] {
    const { state, written } = this.#store;
    const found: Waiting[] = [];
    for (const [counter, queued] of state.queue) {
      if (found.length >= limit) break;
      // What is not durable is not sent.
      if (counter <= after || counter >= written) continue;
      const { operation, isUrgent, asked, isResent } = queued;
      const entry = state.entry(operation.entity, operation.id);
      if (maySend(state, entry, queued)) found.push({ operation, isUrgent, asked, isResent: !!isResent });
    }
    return found;
  }

  pending(): number {
    return this.#store.pending;
  }

  noteHanded(counter: number): void {
    if (counter >= this.#ledAt) this.#handed.add(counter);
  }

  settle(settled: readonly Settled[], backedUp: number | undefined): Promise<TakenIn> {
    return this.#perform((work): Incoming => {
      const incoming = settle(work, settled, backedUp, this.#wasHanded);
      boundKept(work);
      return incoming;
    }).then((incoming) => {
      // If it was not stored they are said again, as they are.
      for (const { operation } of settled) this.#handed.delete(operation.op);
      return incoming;
    });
  }

  page(view: number, page: Page, begins: boolean): Promise<TakenIn> {
    return this.#perform((work) => takePage(work, view, page, begins, this.#said.get(view), this.#wasHanded));
  }

  greet(welcome: Welcome): Promise<boolean> {
    return this.#perform((work) => greet(work, welcome));
  }

  async backedUp(position: number): Promise<void> {
    if (this.#store.state.kept.size) await this.#perform((work) => backedUp(work, position));
  }

  async compare(view: number, cursor: string, sum: string): Promise<boolean | undefined> {
    const check = await loadCheck();
    const isEqual = await check?.compare(this.#store.state, view, this.#follows[view]?.entities ?? [], cursor, sum);
    if (isEqual === false) {
      this.repairs += 1;
      await this.beginAnew();
    }
    return isEqual;
  }

  async sum(view: number): Promise<Sum | undefined> {
    const check = await loadCheck();
    return check?.sumOf(this.#store.state, view, this.#follows[view]?.entities ?? []);
  }

  async holdings(view: number): Promise<readonly Stretch[]> {
    const check = await loadCheck();
    // Who cannot say what it holds is told everything.
    const { said, stretches } = check?.holdings(this.#store.state) ?? { said: { records: [], recordsEach: 1 }, stretches: [] };
    this.#said.set(view, said);
    return stretches;
  }

  async beginAnew(): Promise<void> {
    await this.#perform(forgetCursors);
  }

  #perform<T>(decide: (work: Work) => T): Promise<T> {
    return this.#store.perform(decide, true);
  }

  #wasHanded = ({ operation, isResent }: Queued): boolean => operation.op < this.#ledAt || this.#handed.has(operation.op) || !!isResent;
}
