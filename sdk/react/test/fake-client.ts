/** A client in memory that counts who listens. */

import { SynclineError, type Client, type ConflictDetail, type Decision, type Delta, type Edit, type Edited, type JsonObject, type LiveQuery, type Notice, type Query, type Shown, type Status } from "@syncline/client";

const AT_FIRST: Status = {
  network: "offline",
  transport: undefined,
  isLeader: true,
  isUnauthorised: false,
  pending: 0,
  quarantined: 0,
  kept: 0,
  repairs: 0,
  upToDateAt: undefined,
  durability: "memory",
};

export class FakeClient implements Client {
  readonly id = "fake";
  readonly listeners = { live: new Set<(delta: Delta) => void>(), status: new Set<(status: Status) => void>(), notice: new Set<(notice: Notice) => void>(), conflicts: new Set<(records: readonly Shown[]) => void>() };
  /** How often a live query was begun. */
  lives = 0;
  /** What the next edit is held up by. */
  writes: Promise<void> = Promise.resolve();
  details = new Map<string, ConflictDetail>();
  decided: [string, Decision][] = [];
  private counter = 0;
  private standing: Status = AT_FIRST;
  private rows = new Map<string, Shown>();
  private open: readonly Shown[] = [];

  get listening(): number {
    return Object.values(this.listeners).reduce((sum, set) => sum + set.size, 0);
  }

  put(entity: string, id: string, value: JsonObject): void {
    this.rows.set(`${entity}/${id}`, { entity, id, value, pending: false, conflicts: [] });
    this.tell();
  }

  stand(change: Partial<Status>): void {
    this.standing = { ...this.standing, ...change };
    for (const listener of this.listeners.status) listener(this.standing);
  }

  notify(notice: Notice): void {
    for (const listener of this.listeners.notice) listener(notice);
  }

  setConflicts(records: readonly Shown[]): void {
    this.open = records;
    for (const listener of this.listeners.conflicts) listener(records);
  }

  private tell(): void {
    for (const listener of this.listeners.live) listener({ records: [], added: [], changed: [], removed: [] });
  }

  get<T extends JsonObject>(entity: string, id: string): Shown<T> | undefined {
    return this.rows.get(`${entity}/${id}`) as Shown<T> | undefined;
  }

  query<T extends JsonObject>(query: Query): readonly Shown<T>[] {
    const where = query.where;
    const fits = (row: Shown): boolean =>
      row.entity === query.entity &&
      (query.id === undefined || row.id === query.id) &&
      (where === undefined || (typeof where === "function" ? where(row.value) : Object.entries(where).every(([path, value]) => row.value[path.slice(1)] === value)));
    return [...this.rows.values()].filter(fits) as unknown as Shown<T>[];
  }

  live(query: Query): LiveQuery {
    this.lives += 1;
    let last: readonly Shown[] = [];
    return {
      records: () => {
        const now = this.query(query);
        if (now.length !== last.length || now.some((row, at) => row !== last[at])) last = now;
        return last;
      },
      subscribe: (listener) => this.listen(this.listeners.live, listener),
    };
  }

  private listen<L>(set: Set<L>, listener: L): () => void {
    set.add(listener);
    return () => void set.delete(listener);
  }

  async edit(entity: string, id: string, write: (edit: Edit) => void): Promise<Edited> {
    await this.writes;
    const value: Record<string, string> = {};
    const edit = { set: (path: string, to: string) => ((value[path.slice(1)] = to), edit) } as unknown as Edit;
    write(edit);
    this.put(entity, id, value);
    return { operations: [++this.counter] };
  }

  async delete(entity: string, id: string): Promise<Edited> {
    this.rows.delete(`${entity}/${id}`);
    this.tell();
    return { operations: [++this.counter] };
  }

  async transaction(): Promise<Edited> {
    return { operations: [++this.counter] };
  }

  status = (): Status => this.standing;
  onStatus = (listener: (status: Status) => void): (() => void) => this.listen(this.listeners.status, listener);
  onNotice = (listener: (notice: Notice) => void): (() => void) => this.listen(this.listeners.notice, listener);
  conflicts = (): readonly Shown[] => this.open;
  onConflicts = (listener: (records: readonly Shown[]) => void): (() => void) => this.listen(this.listeners.conflicts, listener);

  async conflict(id: string): Promise<ConflictDetail> {
    const detail = this.details.get(id);
    if (detail === undefined) throw new SynclineError("CLIENT_TIMEOUT", "no hub", { retryable: true });
    return detail;
  }

  async decide(id: string, decision: Decision): Promise<void> {
    if (!this.details.has(id)) throw new SynclineError("CONFLICT_NOT_FOUND", "no such conflict");
    this.decided.push([id, decision]);
  }

  settled = (): never => unasked();
  quarantine = (): never => unasked();
  retry = (): never => unasked();
  discard = (): never => unasked();
  sync = (): never => unasked();
  setOnline = (): never => unasked();
  setStrategy = (): never => unasked();
  logout = (): never => unasked();
  close = (): never => unasked();
}

function unasked(): never {
  throw new Error("no hook asks for this");
}
