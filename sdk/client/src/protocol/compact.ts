/** The compact form of live messages (`docs/protocol.md` §6): what this client writes, and what it reads of a hub. */

import { parse } from "../json/parse.js";
import type { Json } from "../json/value.js";
import { type Writable, write } from "../json/write.js";
import { STATUSES, isGood, isMembers, isNatural, must, reading } from "./answer.js";
import { ANSWER_BYTES_MAX, NAMES_MAX, NAME_BYTES_MAX } from "./limits.js";
import type { ClientMessage, HubMessage, Welcome } from "./message.js";
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
    const rows: Writable[] = [];
    for (const [part, letter] of LETTERS) {
      const written = writes[part];
      if (!written) continue;
      for (const [key, content] of Object.entries(written)) {
        if (Array.isArray(written)) {
          rows.push([letter, this.#name(content as string)]);
          continue;
        }
        const name = this.#name(key);
        if (part === "drop") for (const member of content as readonly string[]) rows.push([letter, name, member]);
        else if (part !== "put") rows.push([letter, name, content as Json]);
        else {
          for (const [member, put] of Object.entries(content as Readonly<Record<string, PutMember>>)) {
            rows.push([letter, name, member, Number(put.create ?? false), this.#effects(put)]);
          }
        }
      }
    }
    return rows;
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

/** What stands in an array of the compact form, not judged yet. */
type Row = readonly unknown[];

/**
 * Reads what a hub says on one connection. Tokens of changes and results that are short stay so.
 *
 * Whatever is refused, with `MESSAGE_MALFORMED`, means that something was lost: the connection ends.
 */
export class CompactReader {
  readonly #names: string[] = [];
  #incarnation: string | undefined;

  /** Reads a message; `undefined` if it only told names. */
  read(text: string): HubMessage | undefined {
    return reading(() => {
      must(text.length <= ANSWER_BYTES_MAX);
      const [tag, ...row] = parse(text) as unknown as Row;
      return tag === "n" ? this.#learn(row) : (this.#message(tag, row) as HubMessage);
    });
  }

  #message(tag: unknown, [first, second, third, flags = 0, same]: Row): object {
    const judged = <T extends object>(message: T): T => {
      must(isGood(Object.keys(message).join(" "), message));
      return message;
    };
    switch (tag) {
      case "c": {
        must(isNatural(flags));
        const has = (bit: number): boolean => ((flags as number) & bit) > 0;
        const [position, stretches] = (same ?? []) as Row;
        return judged({
          view: first,
          changes: (second as readonly Row[]).map((change) => this.#change(change)),
          cursor: this.#cursor(third),
          more: has(1),
          ...(has(2) && { snapshot: true }),
          ...(has(4) && { begins: true }),
          ...(same !== undefined && { same: { position, stretches } }),
        });
      }
      case "r":
        // Nothing is done with the position, and it may be as large as there are any.
        return { ...judged({ results: (first as readonly Row[]).map(resultOf) }), position: second };
      case "w": {
        const message = judged({ welcome: first });
        this.#incarnation = (first as Welcome).incarnation;
        return message;
      }
      case "e":
        return judged({ problem: first });
      case "b":
        return judged({ backed_up: first });
      case "y":
        return judged({ anew: { view: first } });
      default:
        must(tag === "k");
        return judged({ checksum: { view: first, cursor: this.#cursor(second), sum: third } });
    }
  }

  /** Takes in pairs of the index of the first name, and names. */
  #learn(pairs: Row): undefined {
    must(pairs.length % 2 === 0);
    pairs.forEach((names, at) => {
      if (at % 2 === 0) return;
      (names as Row).forEach((name, offset) => {
        const index = (pairs[at - 1] as number) + offset;
        must(isNatural(index) && index < NAMES_MAX && this.#names[index] === undefined && typeof name === "string");
        this.#names[index] = name;
      });
    });
  }

  #name(value: unknown): string {
    const name = typeof value === "number" ? this.#names[value] : value;
    must(typeof name === "string");
    return name;
  }

  #cursor(value: unknown): unknown {
    if (typeof value !== "number") return value;
    must(this.#incarnation !== undefined && isNatural(value));
    return `${this.#incarnation}:${value}`;
  }

  #change([entity, id, version, position, content, facts = {}]: Row): object {
    must(isMembers(facts));
    const { by, conflicts } = facts as { by?: unknown; conflicts?: readonly { id: unknown; path: unknown }[] };
    return {
      entity: this.#name(entity),
      id,
      position,
      version,
      ...(Array.isArray(content) ? this.#fields(content as readonly Row[]) : contentOf(content)),
      by: by === undefined ? by : this.#name(by),
      conflicts: conflicts?.map(({ id, path }) => ({ id, path: this.#name(path) })),
    };
  }

  /** Returns what differs of a record, each part by path. */
  #fields(rows: readonly Row[]): object {
    const told = (letter: string): readonly (readonly [path: string, value: unknown])[] =>
      rows.filter((row) => row[0] === letter).map(([, path, value]) => [this.#name(path), value]);
    const [set, unset, text, delta] = [told("="), told("-"), told("t"), told("z")];
    must(set.length + unset.length + text.length + delta.length === rows.length);
    const byPath = (part: readonly (readonly [string, unknown])[]): object | undefined => (part.length ? Object.fromEntries(part) : undefined);
    return { set: byPath(set), unset: unset.length ? unset.map(([path]) => path) : undefined, text: byPath(text), delta: byPath(delta) };
  }
}

function contentOf(content: unknown): object {
  if (content === 1 || content === 2) return { gone: content === 1 ? "deleted" : "unscoped" };
  must(typeof content === "object");
  return { record: content };
}

function resultOf([op, status, version, position, facts = {}]: Row): object {
  must(isMembers(facts));
  return {
    ...(facts as object),
    op,
    status: STATUSES[status as number],
    version: version === 0 ? undefined : version,
    position: position === 0 ? undefined : position,
  };
}
