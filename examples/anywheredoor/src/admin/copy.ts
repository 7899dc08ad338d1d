/** What the panel knows of the hub's records: read at its start, and again whatever a webhook names. */

import { SynclineError } from "@syncline/app";
import { everyRecord, type Held, pageOf, recordOf } from "../records.js";
import { ENTITIES } from "../students.js";

/**
 * A copy of the hub's records, in memory.
 *
 * A webhook says that something changed; what it is by now, the hub says. So webhooks may come twice, late or in any order, and none
 * can leave something in the copy that is not so.
 */
export class Copy {
  #records = new Map<string, Held>();
  readonly #listeners = new Set<() => void>();
  #cursor = "";
  /** One thing after the other: an answer that is late never covers a later one. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Reads everything. */
  begin(): Promise<void> {
    return this.#inTurn(async () => {
      const { records, cursor } = await everyRecord({ entities: ENTITIES.join(",") });
      this.#records = new Map(records.map((held) => [keyOf(held.entity, held.id), held]));
      this.#cursor = cursor;
      this.#tell();
    });
  }

  /** Reads a record again, unless it is known as of this place of the log. */
  refresh(entity: string, id: string, sequence: number): Promise<void> {
    if (!ENTITIES.some((one) => one === entity)) return Promise.resolve();
    return this.#inTurn(async () => {
      const key = keyOf(entity, id);
      if ((this.#records.get(key)?.position ?? 0) >= sequence) return;
      const held = await recordOf(entity, id);
      if (held === undefined) this.#records.delete(key);
      else this.#records.set(key, held);
      this.#tell();
    });
  }

  /** Looks for what no webhook has told of: one that could not be delivered in all its attempts is a dead letter. */
  async catchUp(): Promise<void> {
    for (let more = true; more; ) {
      const page = await pageOf({ entities: ENTITIES.join(","), cursor: this.#cursor }).catch((error: unknown) => {
        // The hub has forgotten what was so long ago, or was restored.
        if (error instanceof SynclineError && error.status === 410) return undefined;
        throw error;
      });
      if (page === undefined) return this.begin();
      for (const { entity, id, position } of page.changes) await this.refresh(entity, id, position);
      [this.#cursor, more] = [page.cursor, page.more];
    }
  }

  get(entity: string, id: string): Held | undefined {
    return this.#records.get(keyOf(entity, id));
  }

  all(): Iterable<Held> {
    return this.#records.values();
  }

  /** Calls back after each change, until what is returned is called. */
  listen(tell: () => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  #tell(): void {
    for (const tell of this.#listeners) tell();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function keyOf(entity: string, id: string): string {
  return `${entity} ${id}`;
}
