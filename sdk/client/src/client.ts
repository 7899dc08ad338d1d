/** The client that an app opens: its records and edits, live queries, and the connection of whichever tab leads. */

import type {
  Client,
  ConflictDetail,
  Decision,
  Edit,
  EditFacts,
  Edited,
  Fate,
  LiveQuery,
  Notice,
  Options,
  Query,
  Refused,
  Shown,
  Status,
  Strategy,
  Transaction,
} from "./api.js";
import type { Connecting } from "./connection/connect.js";
import type { NetworkState } from "./connection/driver.js";
import { EditWriter } from "./edit.js";
import { SynclineError } from "./error.js";
import { fieldAt } from "./json/field.js";
import { isWellFormed } from "./json/parse.js";
import type { JsonObject } from "./json/value.js";
import { ENTITY_BYTES_MAX, RECORD_ID_BYTES_MAX } from "./protocol/limits.js";
import { later } from "./later.js";
import type { Follow } from "./protocol/message.js";
import type { Effect } from "./protocol/operation.js";
import { predict } from "./protocol/predict.js";
import { Live, tellAll, type LiveSource } from "./query/live.js";
import { planOf, select, type Plan } from "./query/query.js";
import type { Keeping } from "./storage/persistence.js";
import { indexeddb } from "./storage/indexeddb.js";
import type { Storage } from "./storage/storage.js";
import { isContested, keyOf, type Entry } from "./store/entry.js";
import { bytesIn, type Draft } from "./store/enqueue.js";
import { shown, textOf, textsEdited } from "./store/shown.js";
import { Store, type Told } from "./store/store.js";
import { openChannel, type Channel } from "./tabs/channel.js";
import type { LeaderMessage } from "./tabs/leader.js";

/** How long what reaches the hub is not loaded again after it did not arrive, in milliseconds. */
const LOAD_AGAIN_MS = 2_000;
/** How often a tab looks whether it has missed something that another one has written, in milliseconds. */
const REFRESH_MS = 5_000;

/** Fates that are remembered for who asks late: as many as a queue sends in some seconds. */
const FATES_MAX = 10_000;

/** What the tabs of one place tell each other. */
type TabMessage =
  | LeaderMessage
  | ({ readonly kind: "commit" } & Told)
  | { readonly kind: "status"; readonly state: NetworkState; readonly repairs: number }
  | { readonly kind: "ask-status" }
  | { readonly kind: "ask-sync"; readonly ask: string }
  | { readonly kind: "synced"; readonly ask: string }
  | { readonly kind: "online"; readonly isOnline: boolean }
  | { readonly kind: "strategy"; readonly strategy: Strategy }
  | { readonly kind: "wiped" };

/** Notices that wait for the first who listens. */
const UNTOLD_MAX = 100;

const OFFLINE: NetworkState = { network: "offline", transport: undefined, isUnauthorised: false };

/**
 * Opens what is kept under a name on this device, and connects as the strategy says.
 *
 * @throws SynclineError `CLIENT_STORE_…` where it cannot be opened; nothing was changed.
 */
export async function open(options: Options): Promise<Client> {
  // A part of the page that does not arrive holds up nothing.
  const openStorage = options.storage ?? (await later.own().catch(() => ({ openOwn: indexeddb() }))).openOwn;
  const storage = await openStorage(options.name);
  const client = new LocalClient(options, storage);
  try {
    await client.begin();
  } catch (error) {
    storage.close();
    throw error;
  }
  return client;
}

/** Returns what is followed, in the order of the views of a connection. */
function followsOf({ entities, views = [] }: Options): Follow[] {
  const follows: Follow[] = views.map(({ view, params }) => ({ view, ...(params && { params }) }));
  if (entities?.length || !views.length) follows.unshift({ entities: [...(entities ?? [])].sort() });
  return follows;
}

/** Returns a random word. */
function randomWord(): string {
  return [...crypto.getRandomValues(new Uint32Array(2))].map((part) => part.toString(36)).join("");
}

class LocalClient implements Client {
  readonly #options: Options;
  readonly #storage: Storage;
  #durability: Status["durability"];
  #keeping: Promise<Keeping | undefined> | undefined;
  readonly #channel: Channel<TabMessage> | undefined;
  #store!: Store;
  #connecting: Connecting | undefined;
  #isLeader = false;
  #state: NetworkState = OFFLINE;
  #repairs = 0;
  #upToDateAt: number | undefined;
  #status: Status | undefined;
  /** The status that was told last, and whether it is to be told again. */
  #told: Status | undefined;
  #isStatusDue = false;
  #strategy: Strategy;
  #isOnline = true;
  #isClosed = false;
  #version = 0;
  #aside = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #lives = new Map<string, Set<Live>>();
  readonly #contested = new Set<Entry>();
  #conflicts: readonly Shown[] = [];
  readonly #onStatus = new Set<(status: Status) => void>();
  readonly #onNotice = new Set<(notice: Notice) => void>();
  #untold: Notice[] = [];
  readonly #onConflicts = new Set<(records: readonly Shown[]) => void>();
  readonly #waiters = new Map<number, Set<(fate: Fate) => void>>();
  readonly #fates = new Map<number, Fate>();
  /** What to do at the end with who waits for something. */
  readonly #ends = new Set<() => void>();
  readonly #syncs = new Map<string, () => void>();

  constructor(options: Options, storage: Storage) {
    this.#options = options;
    this.#storage = storage;
    this.#durability = storage.durability;
    this.#strategy = options.strategy ?? { kind: "immediate" };
    this.#channel = storage.isShared ? openChannel(options.name) : undefined;
  }

  async begin(): Promise<void> {
    const { name, url, device = "web" } = this.#options;
    this.#store = await Store.open(this.#storage, () => `${device}-${randomWord()}`, {
      changed: (entries) => this.#handleChanged(entries),
      written: (told) => this.#channel?.post({ kind: "commit", ...told }),
      settled: (fates) => this.#handleSettled(fates),
      deposed: () => this.#connecting?.check(),
      failed: (error) => this.#problem(error),
    });
    for (const entry of this.#store.state.entries()) if (isContested(entry)) this.#contested.add(entry);
    this.#listConflicts();
    void this.#storage.gone?.then(() => {
      if (this.#isClosed) return;
      this.#noticeEviction();
      void this.close();
    });
    if (this.#storage.durability === "best-effort") this.#keeping = this.#keep(name).catch(() => undefined);
    const channel = this.#channel;
    if (channel) {
      channel.on("commit", (told) => this.#store.handleTold(told));
      channel.on("status", ({ state, repairs }) => {
        if (!this.#isLeader) this.#handleState(state, repairs);
      });
      channel.on("ask-status", () => this.#isLeader && channel.post({ kind: "status", state: this.#state, repairs: this.#repairs }));
      channel.on("ask-sync", ({ ask }) => this.#syncNow(ask));
      channel.on("synced", ({ ask }) => this.#syncs.get(ask)?.());
      channel.on("online", ({ isOnline }) => this.#putOnline(isOnline));
      channel.on("strategy", ({ strategy }) => this.#putStrategy(strategy));
      channel.on("wiped", () => void this.close());
      channel.post({ kind: "ask-status" });
      this.#timer = setInterval(() => void this.#store.refresh().catch((error: unknown) => this.#problem(error)), REFRESH_MS);
      (this.#timer as { unref?: () => void }).unref?.();
    }
    if (url !== undefined) void this.#load();
  }

  #noticeEviction(): void {
    this.#notify({ kind: "problem", code: "CLIENT_STORE_EVICTED", detail: "what was kept on this device was taken away" });
  }

  async #keep(name: string): Promise<Keeping> {
    const { keep } = await later.persistence();
    return keep(this.#storage, name, this.id, {
      evicted: () => this.#noticeEviction(),
      durability: (durability) => {
        this.#durability = durability;
        this.#tellStatus();
      },
    });
  }

  // ── the connection ───────────────────────────────────────────────────

  /** Loads what reaches the hub, again and again: the network may have gone once the page was shown. */
  async #load(): Promise<void> {
    while (!this.#isClosed && !this.#connecting) {
      try {
        return await this.#connect();
      } catch (error) {
        this.#problem(error);
        await new Promise((resolve) => setTimeout(resolve, LOAD_AGAIN_MS));
      }
    }
  }

  async #connect(): Promise<void> {
    const { connect } = await later.connect();
    if (this.#isClosed) return;
    this.#connecting = connect({
      options: this.#options,
      follows: followsOf(this.#options),
      strategy: this.#strategy,
      isOnline: this.#isOnline,
      store: this.#store,
      channel: this.#channel as unknown as Channel<LeaderMessage> | undefined,
      tell: (state, repairs, trouble) => {
        this.#handleState(state, repairs);
        if (trouble) this.#notify({ kind: "problem", ...trouble });
      },
      led: (isLeader) => {
        this.#isLeader = isLeader;
        if (!isLeader) this.#handleState(OFFLINE, this.#repairs);
        else for (const ask of this.#syncs.keys()) this.#syncNow(ask);
        this.#tellStatus();
      },
      failed: (error) => this.#problem(error),
    });
  }

  /** Sends and fetches all there is for who asks, in this tab or another one. */
  #syncNow(ask: string): void {
    const done = () => {
      this.#syncs.get(ask)?.();
      this.#channel?.post({ kind: "synced", ask });
    };
    void this.#connecting?.sync()?.then(done, () => undefined);
  }

  #handleState(state: NetworkState, repairs: number): void {
    const wasUnauthorised = this.#state.isUnauthorised;
    this.#state = state;
    this.#repairs = repairs;
    if (state.network === "up-to-date") this.#upToDateAt = Date.now();
    if (this.#isLeader) this.#channel?.post({ kind: "status", state, repairs });
    if (state.isUnauthorised && !wasUnauthorised) this.#notify({ kind: "unauthorised" });
    this.#tellStatus();
  }

  #putOnline(isOnline: boolean): void {
    this.#isOnline = isOnline;
    this.#connecting?.setOnline(isOnline);
  }

  // ── what changes ─────────────────────────────────────────────────────

  #handleChanged(entries: readonly Entry[]): void {
    this.#version += 1;
    let isContestedNow = false;
    const byEntity = new Map<string, [string, Shown | undefined][]>();
    for (const entry of entries) {
      const isIt = isContested(entry);
      if (isIt || this.#contested.has(entry)) isContestedNow = true;
      if (isIt) this.#contested.add(entry);
      else this.#contested.delete(entry);
      if (!this.#lives.has(entry.entity)) continue;
      const told = byEntity.get(entry.entity) ?? [];
      byEntity.set(entry.entity, told);
      // An entry that was undone may not be the one that stands for the record now.
      told.push([entry.id, this.get(entry.entity, entry.id)]);
    }
    for (const [entity, told] of byEntity) for (const live of [...(this.#lives.get(entity) ?? [])]) live.handle(told);
    if (isContestedNow) this.#listConflicts();
    this.#tellStatus();
    // What stood behind a refusal may go now.
    const { aside } = this.#store.state;
    this.#connecting?.wake(aside < this.#aside);
    this.#aside = aside;
  }

  #listConflicts(): void {
    const records = [...this.#contested].map(shown).filter((record): record is Shown => !!record);
    records.sort((a, b) => (keyOf(a.entity, a.id) < keyOf(b.entity, b.id) ? -1 : 1));
    if (records.length === this.#conflicts.length && records.every((record, at) => record === this.#conflicts[at])) return;
    this.#conflicts = records;
    tellAll(this.#onConflicts, records);
  }

  #handleSettled(fates: Told["fates"]): void {
    for (const [operation, entity, id, fate] of fates) {
      if (fate.status === "refused") this.#notify({ kind: "refused", refused: { operation, entity, id, refusal: fate.refusal } });
      if (fate.status === "conflict") this.#notify({ kind: "conflict", entity, id, conflicts: fate.conflicts });
      this.#fates.set(operation, fate);
      for (const tell of this.#waiters.get(operation) ?? []) tell(fate);
      this.#waiters.delete(operation);
    }
    for (const oldest of this.#fates.keys()) {
      if (this.#fates.size <= FATES_MAX) break;
      this.#fates.delete(oldest);
    }
    if (fates.length) this.#tellStatus();
  }

  #notify(notice: Notice): void {
    if (this.#onNotice.size) tellAll(this.#onNotice, notice);
    else this.#untold = [...this.#untold, notice].slice(-UNTOLD_MAX);
  }

  #problem(error: unknown): void {
    const { code = "CLIENT_FAILED", message = "" } = error as Partial<SynclineError>;
    this.#notify({ kind: "problem", code: String(code), detail: error instanceof SynclineError ? message : "" });
  }

  /** Tells how the client stands, if that has changed: once for all that happens in one breath. */
  #tellStatus(): void {
    if (this.#isStatusDue) return;
    this.#isStatusDue = true;
    queueMicrotask(() => {
      this.#isStatusDue = false;
      const before = this.#told;
      this.#told = this.status();
      if (before !== this.#told) tellAll(this.#onStatus, this.#told);
    });
  }

  // ── what an app calls ────────────────────────────────────────────────

  get id(): string {
    return this.#store.client;
  }

  get<T extends JsonObject = JsonObject>(entity: string, id: string): Shown<T> | undefined {
    const entry = this.#store.state.find(entity, id);
    return entry && (shown(entry) as Shown<T> | undefined);
  }

  query<T extends JsonObject = JsonObject>(query: Query): readonly Shown<T>[] {
    const plan = planOf(query);
    return select(plan, this.#all(plan)) as unknown as readonly Shown<T>[];
  }

  live(query: Query): LiveQuery {
    const source: LiveSource = {
      all: (plan) => this.#all(plan),
      version: () => this.#version,
      follow: (live, isFollowed) => {
        const lives = this.#lives.get(query.entity) ?? new Set();
        this.#lives.set(query.entity, lives);
        if (isFollowed) lives.add(live);
        else lives.delete(live);
        if (!lives.size) this.#lives.delete(query.entity);
      },
    };
    return new Live(planOf(query), source);
  }

  *#all({ query: { entity, id } }: Plan): Generator<Shown | undefined> {
    const entries = this.#store.state.entities.get(entity);
    if (!entries) return;
    const one = id === undefined ? undefined : entries.get(id);
    if (one) yield shown(one);
    if (id === undefined) for (const entry of entries.values()) yield shown(entry);
  }

  async edit(entity: string, id: string, write: (edit: Edit) => void, facts?: EditFacts): Promise<Edited> {
    return this.transaction((transaction) => transaction.edit(entity, id, write), facts);
  }

  async delete(entity: string, id: string, facts?: EditFacts): Promise<Edited> {
    return this.edit(entity, id, (edit) => edit.delete(), facts);
  }

  async transaction(write: (transaction: Transaction) => void, { priority }: EditFacts = {}): Promise<Edited> {
    const isUrgent = priority === "urgent";
    const drafts: Draft[] = [];
    const fields = new Map<string, JsonObject | undefined>();
    const transaction: Transaction = {
      edit: (entity, id, write) => {
        checkName(entity, ENTITY_BYTES_MAX);
        checkName(id, RECORD_ID_BYTES_MAX);
        const key = keyOf(entity, id);
        let value = fields.has(key) ? fields.get(key) : this.get(entity, id)?.value;
        const writer = new EditWriter(value);
        write(writer);
        for (const effect of writer.finish()) {
          drafts.push({ entity, id, effect, texts: textsOf(effect, value), isUrgent });
          value = predict(value, effect);
        }
        fields.set(key, value);
        return transaction;
      },
      delete: (entity, id) => transaction.edit(entity, id, (edit) => edit.delete()),
    };
    write(transaction);
    // What comes later, behind an `await` of the app's, would be lost without a word.
    Object.freeze(drafts);
    if (!drafts.length) throw new SynclineError("CLIENT_EDIT_EMPTY", "the edit writes nothing");
    return this.#edited(this.#store.edit(drafts, new Date()));
  }

  async #edited(counters: Promise<number[]>): Promise<Edited> {
    const operations = await counters;
    // From now on there is something to keep.
    void this.#keeping?.then((keeping) => keeping?.ask(Date.now()));
    this.#connecting?.wake(false);
    return { operations };
  }

  async settled({ operations }: Edited, timeoutMs = 30_000): Promise<Fate> {
    const fates = await within(timeoutMs, Promise.all(operations.map((operation) => this.#fateOf(operation))), this.#ends);
    return fates.find(({ status }) => status === "refused") ?? fates.find(({ status }) => status === "conflict") ?? (fates.at(-1) as Fate);
  }

  #fateOf(operation: number): Promise<Fate> | Fate {
    const queued = this.#store.state.queue.get(operation);
    if (!queued) return this.#fates.get(operation) ?? { status: "applied", version: undefined };
    if (queued.refusal) return { status: "refused", refusal: queued.refusal };
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(operation) ?? new Set();
      this.#waiters.set(operation, waiters.add(resolve));
    });
  }

  status(): Status {
    const { state } = this.#store;
    const now: Status = {
      ...this.#state,
      isLeader: this.#isLeader,
      pending: this.#store.pending,
      quarantined: state.aside,
      kept: state.kept.size,
      repairs: this.#repairs,
      upToDateAt: this.#upToDateAt,
      durability: this.#durability,
    };
    const before = this.#status ?? now;
    const isSame = (Object.keys(now) as (keyof Status)[]).every((name) => now[name] === before[name]);
    return (this.#status = isSame ? before : now);
  }

  onStatus(listener: (status: Status) => void): () => void {
    return listen(this.#onStatus, listener);
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    const stop = listen(this.#onNotice, listener);
    // What was told before anybody listened.
    const untold = this.#untold.splice(0);
    queueMicrotask(() => untold.forEach((notice) => this.#notify(notice)));
    return stop;
  }

  conflicts(): readonly Shown[] {
    return this.#conflicts;
  }

  onConflicts(listener: (records: readonly Shown[]) => void): () => void {
    return listen(this.#onConflicts, listener);
  }

  async conflict(id: string): Promise<ConflictDetail> {
    const { conflictDesk } = await import("./connection/conflicts.js");
    const detail = await conflictDesk(this.#options, this.id).show(id);
    const value = this.get(detail.entity, detail.record)?.value;
    return { ...detail, shown: detail.path ? fieldAt(value, detail.path) : value };
  }

  async decide(id: string, decision: Decision): Promise<void> {
    const { conflictDesk } = await import("./connection/conflicts.js");
    await conflictDesk(this.#options, this.id).decide(id, decision);
  }

  quarantine(): readonly Refused[] {
    if (!this.#store.state.aside) return [];
    const refused: Refused[] = [];
    for (const [operation, { refusal, operation: { entity, id } }] of this.#store.state.queue) {
      if (refusal) refused.push({ operation, entity, id, refusal });
    }
    return refused;
  }

  async retry(operation: number): Promise<Edited> {
    const { retry } = await import("./store/again.js");
    return this.#edited(this.#store.perform((work) => retry(work, operation, new Date())));
  }

  async discard(operation: number): Promise<void> {
    const { discard } = await import("./store/again.js");
    await this.#store.perform((work) => void discard(work, operation));
  }

  async sync(timeoutMs = 30_000): Promise<void> {
    if (this.#options.url === undefined) throw new SynclineError("CLIENT_NO_HUB", "no hub was named");
    const ask = randomWord();
    const done = new Promise<void>((resolve) => this.#syncs.set(ask, resolve));
    // Where no tab leads yet, it is done once one does.
    this.#syncNow(ask);
    this.#channel?.post({ kind: "ask-sync", ask });
    try {
      await within(timeoutMs, done, this.#ends);
    } finally {
      this.#syncs.delete(ask);
    }
  }

  setOnline(isOnline: boolean): void {
    this.#channel?.post({ kind: "online", isOnline });
    this.#putOnline(isOnline);
  }

  setStrategy(strategy: Strategy): void {
    this.#channel?.post({ kind: "strategy", strategy });
    this.#putStrategy(strategy);
  }

  #putStrategy(strategy: Strategy): void {
    this.#strategy = strategy;
    this.#connecting?.setStrategy(strategy);
  }

  async logout(): Promise<void> {
    this.#channel?.post({ kind: "wiped" });
    await this.#end();
    await this.#store.destroy();
    (await this.#keeping)?.forget();
    this.#channel?.close();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#end();
    await this.#store.close();
    this.#channel?.close();
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const end of [...this.#ends]) end();
    await this.#connecting?.close();
  }
}

/** Returns the texts that an effect edits, as its writer saw them. */
function textsOf(effect: Effect, value: JsonObject | undefined): Record<string, string> {
  const texts = textsEdited(effect).map((path): [string, string] => [path, textOf(fieldAt(value, path)) ?? ""]);
  return Object.fromEntries(texts);
}

/** What a hub would not take stands in the way of everything behind it, so it is not queued. */
function checkName(name: string, bytesMax: number): void {
  if (!name || bytesIn(name) > bytesMax || !isWellFormed(name) || /[\0-\x1f\x7f-\x9f]/.test(name)) {
    throw new SynclineError("ID_INVALID", `a name has 1 to ${bytesMax} bytes, none that controls`);
  }
}

function listen<T>(listeners: Set<(told: T) => void>, listener: (told: T) => void): () => void {
  const own = (told: T) => listener(told);
  listeners.add(own);
  return () => listeners.delete(own);
}

/** Waits for a promise for so long at most, and no longer than to the end. */
async function within<T>(timeoutMs: number, promise: Promise<T>, ends: Set<() => void>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let end = () => {};
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SynclineError("CLIENT_TIMEOUT", `nothing came within ${timeoutMs} ms`, { retryable: true })), timeoutMs);
    end = () => reject(new SynclineError("CLIENT_CLOSED", "the client was closed"));
    ends.add(end);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    ends.delete(end);
  }
}

