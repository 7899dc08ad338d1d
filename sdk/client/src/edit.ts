/** What an app does to a record, step by step. Each step sees what the ones before it left. */

import type { Edit } from "./api.js";
import { SynclineError } from "./error.js";
import { checked } from "./json/check.js";
import { fieldAt, leavesOf } from "./json/field.js";
import { Draft, keysOf } from "./json/pointer.js";
import { type Decimal, isObject, type Json, type JsonObject } from "./json/value.js";
import type { Effect, PutMember, TextEdit } from "./protocol/operation.js";
import { writeInto } from "./protocol/predict.js";
import { difference } from "./protocol/difference.js";
import { applyEdit } from "./protocol/text.js";
import { effectOf, goesWith, meets, type Step } from "./store/steps.js";

/** Writes the effects of an edit. */
export class EditWriter implements Edit {
  readonly #draft: Draft;
  #parts: Step[][] = [];
  /** Paths that the last of the parts writes, and those above them: whether each is written itself. */
  #paths = new Map<string, boolean>();
  /** Nothing is written any more: the record is deleted, or the edit has ended. */
  #isOver = false;

  constructor(shown: JsonObject | undefined) {
    this.#draft = new Draft(shown ?? {});
  }

  /** Returns the effects, in order. */
  finish(): Effect[] {
    const effects = this.#isOver ? [{ delete: true } as const] : this.#parts.map(effectOf);
    if (!effects.length) throw new SynclineError("CLIENT_EDIT_EMPTY", "the edit writes nothing");
    // What a closure writes later, behind an `await`, would be lost without a word.
    this.#isOver = true;
    return effects;
  }

  set(path: string, value: Json): this {
    if (!isObject(value) || !Object.keys(value).length) return this.#step(["set", path, checked(value, path)]);
    // An object becomes the fields that it has; others below the path go.
    const told = leavesOf(value, path);
    const known = new Set(told.map(([at]) => at));
    const held = fieldAt(this.#draft.value, path);
    if (isObject(held)) for (const [at] of leavesOf(held, path)) if (!known.has(at)) this.#step(["unset", at]);
    for (const [at, leaf] of told) this.#step(["set", at, checked(leaf, at)]);
    return this;
  }

  unset(path: string): this {
    return this.#step(["unset", path]);
  }

  increment(path: string, by: number | Decimal = 1): this {
    return this.#step(["inc", path, checked(by)]);
  }

  resetSum(path: string): this {
    return this.#step(["reset", path]);
  }

  addToSet(path: string, ...elements: Json[]): this {
    return this.#step(["add", path, checked(elements, path)]);
  }

  removeFromSet(path: string, ...elements: Json[]): this {
    return this.#step(["remove", path, checked(elements, path)]);
  }

  append(path: string, ...elements: Json[]): this {
    return this.#step(["append", path, checked(elements, path)]);
  }

  beginText(path: string, text: string): this {
    return this.#step(["begin", path, checked(text)]);
  }

  editText(path: string, edit: TextEdit): this {
    if (applyEdit(this.#text(path), edit) === undefined) throw notAText();
    return this.#step(["text", path, checked(edit as Json) as TextEdit]);
  }

  insertText(path: string, at: number, text: string): this {
    return this.#splice(path, at, 0, text);
  }

  deleteText(path: string, at: number, length: number): this {
    return this.#splice(path, at, length, "");
  }

  changeText(path: string, text: string): this {
    const before = fieldAt(this.#draft.value, path);
    if (typeof before !== "string") return this.beginText(path, text);
    return before === text ? this : this.#step(["text", path, difference(before, checked(text))]);
  }

  member(path: string, key: string, write: (member: Edit) => void, facts: { create?: boolean } = {}): this {
    const members = fieldAt(this.#draft.value, path);
    const isIt = (member: Json) => isObject(member) && String(member["id"]) === key;
    const held = Array.isArray(members) ? (members as readonly Json[]).find(isIt) : undefined;
    const writer = new EditWriter(isObject(held) ? held : {});
    write(writer);
    writer.finish().forEach((effect, at) => {
      if (effect.delete) throw standsAlone();
      const isNew = at === 0 && (facts.create ?? !held);
      const member: PutMember = isNew ? { create: true, ...(effect as PutMember) } : (effect as PutMember);
      this.#step(["put", path, [checked(key), member]]);
    });
    return this;
  }

  removeMember(path: string, ...keys: string[]): this {
    return this.#step(["drop", path, checked(keys)]);
  }

  delete(): this {
    if (this.#isOver || this.#parts.length) throw standsAlone();
    this.#isOver = true;
    return this;
  }

  #text(path: string): string {
    const text = fieldAt(this.#draft.value, path);
    if (typeof text !== "string") throw notAText();
    return text;
  }

  #splice(path: string, at: number, drop: number, insert: string): this {
    const count = [...this.#text(path)].length;
    const rest = count - at - drop;
    if (!(at >= 0 && drop >= 0 && rest >= 0)) throw notAText();
    const edit = [at, checked(insert), -drop, rest].filter((part) => part !== 0 && part !== "" && !Object.is(part, -0));
    return drop || insert ? this.#step(["text", path, edit]) : this;
  }

  /** Takes a step; it begins another operation where it writes what a step before it wrote. */
  #step(step: Step): this {
    if (this.#isOver) throw standsAlone();
    keysOf(checked(step[1]));
    writeInto(this.#draft, effectOf([step]));
    const last = this.#parts.at(-1);
    const isMet = last && this.#isMet(step[1]);
    if (isMet && composed(last, step)) return this;
    if (last && !(isMet && last.some((known) => meets(known[1], step[1]) && !goesWith(known, step)))) last.push(step);
    else {
      this.#parts.push([step]);
      this.#paths.clear();
    }
    this.#paths.set(step[1], true);
    for (const above of pathsAbove(step[1])) if (!this.#paths.has(above)) this.#paths.set(above, false);
    return this;
  }

  /** Returns whether the last of the parts writes a path, or something above or below it. */
  #isMet(path: string): boolean {
    return this.#paths.has(path) || pathsAbove(path).some((above) => this.#paths.get(above));
  }
}

function pathsAbove(path: string): string[] {
  const above: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) above.push(path.slice(0, at));
  return above;
}

/** Puts an edit of a text into the beginning of it. */
function composed(last: Step[], [part, path, edit]: Step): boolean {
  if (part !== "text") return false;
  const at = last.findIndex((known) => known[1] === path);
  const known = last[at];
  if (known?.[0] !== "begin") return false;
  last[at] = ["begin", path, applyEdit(known[2] as string, edit as TextEdit) ?? ""];
  return true;
}

function standsAlone(): SynclineError {
  return new SynclineError("CLIENT_EDIT_EMPTY", "the edit has ended, or is a deletion");
}

function notAText(): SynclineError {
  return new SynclineError("CLIENT_EDIT_NOT_A_TEXT", "there is no text that the edit fits");
}
