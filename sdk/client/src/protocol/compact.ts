/** The compact form of live messages (`docs/protocol.md` §6): what this client writes, and what it reads of a hub. */

import { parse } from "../json/parse.js";
import { isObject, type Json } from "../json/value.js";
import { type Writable, write } from "../json/write.js";
import { STATUSES, arrayOf, changeOf, cursorTextOf, must, naturalOf, objectOf, problemOf, resultOf, sameOf, sumOf, textOf, welcomeOf } from "./answer.js";
import { ANSWER_BYTES_MAX, NAMES_MAX, NAME_BYTES_MAX, PAGE_CHANGES_MAX, PUSH_OPERATIONS_MAX } from "./limits.js";
import type { ClientMessage, HubMessage } from "./message.js";
import type { Operation, PutMember, Writes } from "./operation.js";
import { shortOf } from "./token.js";

/** The letters of what an operation writes, in the order in which it is carried out. */
const LETTERS: readonly (readonly [part: keyof Writes, letter: string])[] = [
  ["set", "="],
  ["unset", "-"],
  ["inc", "i"],
  ["reset", "0"],
  ["add", "a"],
  ["remove", "d"],
  ["append", "p"],
  ["begin", "b"],
  ["text", "t"],
  ["put", "m"],
  ["drop", "x"],
  ["delta", "z"],
];

/** Writes what the client says on one connection. */
export class CompactWriter {
  /** The incarnation of the hub, once it has said `welcome`: its cursors are short then. */
  incarnation: string | undefined;
  readonly #names = new Map<string, number>();
  /** The highest counter that was written: what is written once more has its base in full. */
  #written = 0;

  /** Returns messages to be sent one after the other: names that the hub was not told yet, then what was to be said. */
  write(message: ClientMessage): readonly string[] {
    const told = this.#names.size;
    const text = write(this.#row(message));
    const names = [...this.#names.keys()].slice(told);
    return names.length ? [write(["n", told, names]), text] : [text];
  }

  #row(message: ClientMessage): Writable {
    if ("hello" in message) return ["h", message.hello];
    if ("push" in message) return ["p", message.push.map((operation) => this.#operation(operation))];
    if ("ack" in message) return ["a", message.ack.view, this.#cursor(message.ack.cursor)];
    if ("check" in message) return ["k", message.check.view];
    if ("checked" in message) return ["q", message.checked.view, Number(message.checked.equal)];
    return ["y", message.holds.view, message.holds.stretches];
  }

  #operation(operation: Operation): Writable {
    const { op, entity, id, base, at, after } = operation;
    const shown = base === undefined ? 0 : op > this.#written ? shortOf(base) : base;
    this.#written = Math.max(this.#written, op);
    const row = [op, this.#name(entity), id, shown, Date.parse(at), operation.delete ? 0 : this.#effects(operation)];
    return after?.length ? [...row, after] : row;
  }

  #effects(writes: Writes): readonly Writable[] {
    return LETTERS.flatMap(([part, letter]) => {
      const written = writes[part] ?? [];
      if (Array.isArray(written)) return written.map((path: string) => [letter, this.#name(path)]);
      return Object.entries(written).flatMap(([path, content]): readonly Writable[] => {
        const head = [letter, this.#name(path)];
        if (part === "drop") return (content as readonly string[]).map((key) => [...head, key]);
        if (part !== "put") return [[...head, content as Json]];
        const members = Object.entries(content as Readonly<Record<string, PutMember>>);
        return members.map(([key, member]) => [...head, key, Number(member.create ?? false), this.#effects(member)]);
      });
    });
  }

  /** Returns the index of a name, a new one if there is room for it, or else the name. */
  #name(name: string): number | string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const index = this.#names.size;
    // A unit takes three bytes at most.
    const isShort = name.length * 3 <= NAME_BYTES_MAX || new TextEncoder().encode(name).length <= NAME_BYTES_MAX;
    if (index >= NAMES_MAX || !isShort) return name;
    this.#names.set(name, index);
    return index;
  }

  #cursor(cursor: string): number | string {
    const [incarnation, position] = cursor.split(":");
    return incarnation === this.incarnation && position ? Number(position) : cursor;
  }
}

/**
 * Reads what a hub says on one connection. Tokens of changes and results that are short stay so.
 *
 * Whatever is refused, with `MESSAGE_MALFORMED`, means that something was lost: the connection ends.
 */
export class CompactReader {
  readonly #names = new Map<number, string>();
  #incarnation: string | undefined;

  /** Reads a message; `undefined` if it only told names. */
  read(text: string): HubMessage | undefined {
    must(text.length <= ANSWER_BYTES_MAX, "length");
    const row = arrayOf(parse(text), Infinity, "message");
    const [tag, first, second, third, flags = 0, same] = row;
    switch (tag) {
      case "n":
        this.#learn(row.slice(1));
        return undefined;
      case "w": {
        const welcome = welcomeOf(first);
        this.#incarnation = welcome.incarnation;
        return { welcome };
      }
      case "e":
        return { problem: problemOf(first ?? null) };
      case "b":
        return { backed_up: naturalOf(first, "position") };
      case "r":
        return {
          results: arrayOf(first, PUSH_OPERATIONS_MAX, "results").map(compactResult).map(resultOf),
          // Nothing is done with it, and it may be as large as there are any.
          position: second as number,
        };
      case "y":
        return { anew: { view: naturalOf(first, "view") } };
      case "k":
        return { checksum: { view: naturalOf(first, "view"), cursor: this.#cursor(second), sum: sumOf(third) } };
      case "c": {
        const bits = naturalOf(flags, "flags");
        const changes = arrayOf(second, PAGE_CHANGES_MAX, "changes").map((change) => changeOf(this.#change(change)));
        const [position, stretches] = same === undefined ? [] : arrayOf(same, 2, "same");
        return {
          view: naturalOf(first, "view"),
          changes,
          cursor: this.#cursor(third),
          more: (bits & 1) > 0,
          ...(bits & 2 && { snapshot: true }),
          ...(bits & 4 && { begins: true }),
          ...(same !== undefined && { same: sameOf(position, stretches) }),
        };
      }
      default:
        must(false, "tag");
    }
  }

  /** Takes in pairs of the index of the first name, and names. */
  #learn(pairs: readonly Json[]): void {
    for (let at = 0; at < pairs.length; at += 2) {
      let index = naturalOf(pairs[at], "index");
      for (const name of arrayOf(pairs[at + 1], NAMES_MAX, "names")) {
        must(index < NAMES_MAX && !this.#names.has(index), "index");
        this.#names.set(index++, textOf(name, "name"));
      }
    }
  }

  #name(value: Json | undefined): string {
    const name = typeof value === "number" ? this.#names.get(value) : value;
    return textOf(name, "name");
  }

  #cursor(value: Json | undefined): string {
    if (typeof value !== "number") return cursorTextOf(value);
    must(this.#incarnation !== undefined, "cursor");
    return `${this.#incarnation}:${naturalOf(value, "cursor")}`;
  }

  /** Returns a change in the long form, not judged yet. */
  #change(value: Json): Json {
    const [entity, id, version, position, content, facts] = arrayOf(value, 6, "change");
    const { by, conflicts } = facts === undefined ? {} : objectOf(facts, "change");
    const named = (conflict: Json): Json => {
      const { id, path } = objectOf(conflict, "conflict");
      return { id: id ?? null, path: this.#name(path) };
    };
    return {
      entity: this.#name(entity),
      id: id ?? null,
      position: position ?? null,
      version: version ?? null,
      ...this.#content(content),
      ...(by !== undefined && { by: this.#name(by) }),
      ...(conflicts !== undefined && { conflicts: arrayOf(conflicts, Infinity, "conflicts").map(named) }),
    };
  }

  #content(content: Json | undefined): Readonly<Record<string, Json>> {
    if (isObject(content)) return { record: content };
    if (content === 1 || content === 2) return { gone: content === 1 ? "deleted" : "unscoped" };
    const rows = arrayOf(content, Infinity, "content").map((row) => arrayOf(row, 3, "content"));
    must(rows.every(([letter]) => letter === "=" || letter === "-" || letter === "t" || letter === "z"), "content");
    const told = (letter: string): readonly (readonly Json[])[] => rows.filter((row) => row[0] === letter);
    const byPath = (part: string, letter: string): Readonly<Record<string, Json>> => {
      const found = told(letter).map(([, path, value]) => {
        must(value !== undefined, part);
        return [this.#name(path), value] as const;
      });
      return found.length ? { [part]: Object.fromEntries(found) } : {};
    };
    const unset = told("-").map(([, path]) => this.#name(path));
    return {
      ...byPath("set", "="),
      ...(unset.length > 0 && { unset }),
      ...byPath("text", "t"),
      ...byPath("delta", "z"),
    };
  }
}

/** Returns a result in the long form, not judged yet. */
function compactResult(value: Json): Json {
  const [op, status, version, position, facts] = arrayOf(value, 5, "result");
  return {
    ...(facts !== undefined && objectOf(facts, "result")),
    op: op ?? null,
    status: STATUSES[naturalOf(status, "status")] ?? null,
    ...(version !== 0 && { version: version ?? null }),
    ...(position !== 0 && { position: position ?? null }),
  };
}
