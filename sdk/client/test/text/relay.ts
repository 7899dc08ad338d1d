/** A hub of one text and clients of it, which show what others type as soon as they are told; small enough to be seen through. */

import type { Client, Delta, Edit, Shown } from "../../src/api.js";
import { SynclineError } from "../../src/error.js";
import { applyEdit, transform, type TextEdit } from "../../src/text/index.js";
import { changeOf } from "../../src/text/change.js";
import { fakeClient } from "../fake-client.js";

/** A field without a page: what a `<textarea>` does with values, selections and events. */
export class FakeField {
  #value = "";
  selectionStart: number | null = 0;
  selectionEnd: number | null = 0;
  selectionDirection: "forward" | "backward" | "none" = "none";
  scrollTop = 0;
  ownerDocument: { activeElement: unknown } = { activeElement: this };
  /** What the platform makes of a text. */
  readonly #rendered: (text: string) => string;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();

  constructor(rendered: (text: string) => string = (text) => text) {
    this.#rendered = rendered;
  }

  get value(): string {
    return this.#value;
  }

  set value(text: string) {
    this.#value = this.#rendered(text);
    this.selectionStart = this.selectionEnd = this.#value.length;
  }

  setSelectionRange(start: number, end: number, direction: "forward" | "backward" | "none" = "none"): void {
    this.selectionStart = Math.min(start, this.#value.length);
    this.selectionEnd = Math.min(end, this.#value.length);
    this.selectionDirection = direction;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }

  removeEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.get(type)?.delete(listener);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, each) => sum + each.size, 0);
  }

  /** Tells who listens; answers whether the platform was kept from doing what it does. */
  say(type: string, facts: object = {}): boolean {
    let isPrevented = false;
    const event = { ...facts, preventDefault: () => (isPrevented = true) };
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
    return isPrevented;
  }

  /** Puts a text in place of what is selected, as typing does, and says nothing. */
  put(text: string): void {
    const start = this.selectionStart ?? 0;
    const end = this.selectionEnd ?? start;
    this.#value = this.#rendered(this.#value.slice(0, start) + text + this.#value.slice(end));
    this.setSelectionRange(start + text.length, start + text.length);
  }

  type(text: string): void {
    this.put(text);
    this.say("input");
  }

  /** Selects from one text to another, or stands behind the first. */
  select(from: string, to?: string): void {
    const start = this.#value.indexOf(from) + (to === undefined ? from.length : 0);
    this.setSelectionRange(start, to === undefined ? start : this.#value.indexOf(to, start) + to.length);
  }

  /** The text with `|` at the edges of what is selected. */
  get marked(): string {
    const [start, end] = [this.selectionStart ?? 0, this.selectionEnd ?? 0];
    return `${this.#value.slice(0, start)}|${start === end ? "" : `${this.#value.slice(start, end)}|`}${this.#value.slice(end)}`;
  }
}

interface Told {
  readonly edit: TextEdit;
  readonly by: RelayClient;
}

/** Puts the edits of all in one order. */
export class Relay {
  text: string | undefined;
  readonly log: Told[] = [];
  readonly clients: RelayClient[] = [];

  constructor(text?: string) {
    this.text = text;
  }

  connect(): RelayClient {
    const client = new RelayClient(this, this.text);
    this.clients.push(client);
    return client;
  }

  take(edit: TextEdit, seen: number, by: RelayClient): void {
    let moved = edit;
    for (const { edit: other } of this.log.slice(seen)) moved = fits(transform(moved, other, false));
    this.text = fits(applyEdit(this.text ?? "", moved));
    this.log.push({ edit: moved, by });
  }

  /** Has everybody send and hear everything. */
  settle(): void {
    for (let rounds = 0; this.clients.some((client) => client.isBehind); rounds += 1) {
      if (rounds > 10_000) throw new Error("nothing comes to rest");
      for (const client of this.clients) {
        client.send();
        client.hear();
      }
    }
  }
}

/** A client of the relay: confirmed text, edits that wait, and what is shown of both. */
export class RelayClient {
  readonly #relay: Relay;
  #seen: number;
  #isSent = false;
  #waiting: TextEdit[] = [];
  #shown: string | undefined;
  readonly #listeners = new Set<(delta: Delta) => void>();
  readonly client: Client;
  /** Edits that were made, in order. */
  readonly made: TextEdit[] = [];
  /** Whether edits are shown only once they are durable, as while another tab's are looked at. */
  isSlow = false;
  /** What the next edit is refused with. */
  failure: SynclineError | undefined;

  constructor(relay: Relay, text: string | undefined) {
    this.#relay = relay;
    this.#seen = relay.log.length;
    this.#shown = text;
    this.client = fakeClient({
      get: () => this.#record() as never,
      live: () => ({
        records: () => [],
        subscribe: (listener: (delta: Delta) => void) => {
          this.#listeners.add(listener);
          return () => void this.#listeners.delete(listener);
        },
      }),
      edit: (_entity, _id, write) => this.#edit(write),
    });
  }

  get listening(): number {
    return this.#listeners.size;
  }

  get shown(): string | undefined {
    return this.#shown;
  }

  get isBehind(): boolean {
    return this.#waiting.length > 0 || this.#seen < this.#relay.log.length;
  }

  /** Shows another text, or none, as if it had come from elsewhere. */
  show(text: string | undefined): void {
    this.#shown = text;
    this.#tell();
  }

  /** Sends the first edit that waits. */
  send(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#isSent) return;
    this.#isSent = true;
    this.#relay.take(first, this.#seen, this);
  }

  /** Hears of the next edit. */
  hear(): void {
    const told = this.#relay.log[this.#seen];
    if (told === undefined) return;
    this.#seen += 1;
    if (told.by === this) {
      this.#waiting.shift();
      this.#isSent = false;
      return;
    }
    let theirs = told.edit;
    this.#waiting = this.#waiting.map((mine) => {
      const moved = fits(transform(mine, theirs, false));
      theirs = fits(transform(theirs, mine, true));
      return moved;
    });
    this.#shown = fits(applyEdit(this.#shown ?? "", theirs));
    this.#tell();
  }

  #record(): Shown | undefined {
    return this.#shown === undefined ? undefined : { entity: "notes", id: "n1", value: { body: this.#shown }, pending: false, conflicts: [] };
  }

  async #edit(write: (edit: Edit) => void): Promise<{ operations: number[] }> {
    const before = this.#shown;
    const take = (edit: TextEdit) => {
      this.#shown = fits(applyEdit(this.#shown ?? "", edit));
      this.#waiting.push(edit);
      this.made.push(edit);
    };
    const parts: Partial<Edit> = {
      editText: (_path, edit) => (take(edit), parts as Edit),
      beginText: (_path, text) => (take([text]), parts as Edit),
    };
    if (this.isSlow) return this.#editLater(write, take, parts);
    write(parts as Edit);
    this.#tell();
    await Promise.resolve();
    if (this.failure !== undefined) {
      const { failure } = this;
      this.failure = undefined;
      this.#waiting.pop();
      this.#shown = before;
      this.#tell();
      throw failure;
    }
    return { operations: [this.made.length] };
  }

  /** Makes an edit for what is shown now, and shows it for what is shown then. */
  async #editLater(write: (edit: Edit) => void, take: (edit: TextEdit) => void, parts: Partial<Edit>): Promise<{ operations: number[] }> {
    const before = this.#shown ?? "";
    let made: TextEdit = [];
    parts.editText = (_path, edit) => {
      fits(applyEdit(before, edit));
      made = edit;
      return parts as Edit;
    };
    write(parts as Edit);
    await new Promise((done) => setImmediate(done));
    take(fits(transform(made, changeOf(before, this.#shown ?? ""), false)));
    this.#tell();
    return { operations: [this.made.length] };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener({ records: [], added: [], changed: [], removed: [] });
  }
}

/** An edit must always fit here. */
function fits<T>(made: T | undefined): T {
  if (made === undefined) throw new Error("an edit does not fit");
  return made;
}
