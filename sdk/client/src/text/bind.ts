/** A text that somebody types into while others do, too. */

import type { Client } from "../api.js";
import { SynclineError } from "../error.js";
import { keysOf, valueAt } from "../json/pointer.js";
import type { Json } from "../json/value.js";
import { difference } from "../protocol/difference.js";
import { applyEdit, transform } from "../protocol/text.js";
import type { TextEdit } from "../protocol/operation.js";
import { changeOf } from "./change.js";
import { endOfChange, invertEdit, isIdentity, moveSelection, typedEdit } from "./edit.js";
import { isTextField, listenTo, targetOf, type TextField } from "./field.js";
import { UNDO_PAUSE_MS } from "./limits.js";
import { unrendered, wellFormed } from "./rendering.js";
import { createUndoSteps, type UndoSteps } from "./undo.js";
import { toCharacters, toUnits } from "./units.js";

/** Which text of a record. */
export interface TextPlace {
  readonly entity: string;
  readonly id: string;
  /** A JSON pointer, as `/body`. */
  readonly path: string;
}

/** What is shown to who types. Offsets are UTF-16 units, as the platform counts. */
export interface TextShown {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What shows a text and can be typed into, where it is no text field of the platform. */
export interface TextTarget {
  read(): TextShown;
  write(shown: TextShown): void;
}

export interface BindOptions {
  /** Hears of edits that were not taken, as `CLIENT_QUEUE_FULL`: what was typed stays in the field, and goes with the next edit. */
  readonly onProblem?: (error: SynclineError) => void;
  /** Hears that the text is there no more. What was typed stays in the field; it is taken up if the text comes back. */
  readonly onGone?: () => void;
  /** Milliseconds, to tell typing from typing after a pause. */
  readonly now?: () => number;
}

export interface TextBinding {
  /** Takes up what was typed: to be called by who shows the text, after each input. A text field calls it itself. */
  changed(): void;
  /** Says whether an input method is composing: until it is done nothing is taken up and nothing shown. */
  compose(isComposing: boolean): void;
  /** Takes back what was typed last here, and nothing of what others typed. `false`: there is nothing. */
  undo(): boolean;
  redo(): boolean;
  canUndo(): boolean;
  canRedo(): boolean;
  /** Lets go of the text and the field. What was typed is taken up first. */
  close(): void;
}

/**
 * Keeps a text field and a text of a record the same: what is typed becomes the smallest edit, and what others type comes in
 * around the cursor. A text that is not there yet begins with what is typed first.
 *
 * @throws SynclineError `CLIENT_EDIT_NOT_A_TEXT` if there is something else than a text at the path.
 */
export function bindText(client: Client, place: TextPlace, field: TextField | TextTarget, options: BindOptions = {}): TextBinding {
  const { entity, id, path } = place;
  const keys = keysOf(path);
  const { now = () => Date.now(), onProblem, onGone } = options;
  const target = isTextField(field) ? targetOf(field) : field;
  const undone = createUndoSteps();
  const done = createUndoSteps();

  /** The text of the client that the field shows, but for what was typed since; `undefined` while there is none. */
  let base: string | undefined;
  /** What the field made of it. */
  let rendered = "";
  let isComposing = false;
  let isGone = false;
  /** An edit was not taken: it is made again once somebody types, not in a loop. */
  let isFailed = false;
  let isClosed = false;
  /** Something was typed that is taken up once the edits under way are durable. */
  let isDue = false;
  let isClosing = false;
  /** Edits that are not durable yet. Should one fail, the client takes it back, which is not an edit of somebody else. */
  let underWay = 0;
  /** Where the last typing ended, in characters, and when: typing that goes on there is one step to undo. */
  let typing: { at: number; whenMs: number } | undefined;

  function valueOf(): Json | undefined {
    return valueAt(client.get(entity, id)?.value, keys);
  }

  function show(shown: TextShown): void {
    target.write(shown);
    rendered = target.read().text;
  }

  /** Hands an edit to the client; what the client then shows is the text with it. */
  function write(edit: TextEdit, begun: string | undefined): void {
    underWay += 1;
    let edited: Promise<unknown>;
    try {
      edited = client.edit(entity, id, (record) => (begun === undefined ? record.editText(path, edit) : record.beginText(path, begun)));
    } catch (error) {
      edited = Promise.reject(error);
    }
    void edited
      .then(() => (underWay -= 1), failed)
      // What came meanwhile was left for now.
      .then(hear)
      .then(() => isClosing && close());
  }

  function failed(error: unknown): void {
    underWay -= 1;
    isFailed = true;
    // The field keeps what was typed: seen from what the client has now it is typed anew, and goes with the next edit.
    const isPlain = rendered === base;
    const text = valueOf();
    base = typeof text === "string" ? text : undefined;
    rendered = isPlain ? (base ?? "") : (base ?? "").replace(/\r\n?/g, "\n");
    for (const steps of [undone, done]) steps.clear();
    typing = undefined;
    if (error instanceof SynclineError) onProblem?.(error);
    else throw error;
  }

  /** Takes up what was typed, shows what came in, and moves each over the other. */
  function takeIn(): void {
    if (isClosed || isComposing) return;
    const shown = target.read();
    const value = valueOf();
    const text = typeof value === "string" ? value : undefined;
    // The client may show an edit only once it has looked at what another tab wrote: whose change this is, is known then.
    isDue = underWay > 0 && value !== base;
    if (isDue) return;
    if (value !== text || (text === undefined && base !== undefined)) return gone();
    isGone = false;
    const had = base ?? "";
    const typed = shown.text === rendered ? had : unrendered(had, rendered, wellFormed(shown.text), shown.end);
    const mine = typed === shown.text ? typedEdit(had, typed, shown.end) : difference(had, typed);
    const others = text === undefined || text === had ? undefined : changeOf(had, text);
    if (others === undefined && isIdentity(mine)) {
      base = text;
      return;
    }
    const edit = (others && transform(mine, others, false)) ?? mine;
    const theirs = others && transform(others, mine, true);
    if (others !== undefined) for (const steps of [undone, done]) steps.moveOver(others);
    if (typing !== undefined && others !== undefined) typing = { ...typing, at: moveSelection({ start: typing.at, end: typing.at }, others).end };
    const after = applyEdit(text ?? "", edit) ?? "";
    base = text === undefined ? undefined : after;
    if (!isIdentity(edit)) {
      note(edit, text ?? "");
      base = after;
      rendered = shown.text;
    }
    // Before the edit is made: it is shown at once, and comes back here.
    if (theirs !== undefined || shown.text !== wellFormed(shown.text)) moveShown(shown, typed, after, theirs);
    if (!isIdentity(edit)) write(edit, text === undefined ? after : undefined);
  }

  /** Shows a text, with the cursor where it belongs. */
  function moveShown(shown: TextShown, typed: string, after: string, theirs: TextEdit | undefined): void {
    const start = toCharacters(shown.text, shown.start);
    const end = toCharacters(shown.text, shown.end);
    // Where the field shows the text as it is; otherwise what it makes of it has to be asked first.
    const isPlain = shown.text === typed && theirs !== undefined;
    show({ text: after, start: shown.start, end: shown.end });
    const edit = isPlain && rendered === after ? theirs : changeOf(wellFormed(shown.text), rendered);
    const moved = moveSelection({ start, end }, edit);
    show({ text: after, start: toUnits(rendered, moved.start), end: toUnits(rendered, moved.end) });
  }

  function gone(): void {
    if (isGone) return;
    isGone = true;
    typing = undefined;
    for (const steps of [undone, done]) steps.clear();
    onGone?.();
  }

  /** Notes what was typed, so that it can be undone. */
  function note(edit: TextEdit, text: string): void {
    const [first] = edit;
    const start = typeof first === "number" && first > 0 ? first : 0;
    const end = endOfChange(edit);
    const whenMs = now();
    // On from where it ended: a character put in there, or the one before it dropped.
    const isNear = typing !== undefined && (start === typing.at || moveSelection({ start: typing.at, end: typing.at }, edit).end === end);
    undone.push(invertEdit(edit, text), isNear && typing !== undefined && whenMs - typing.whenMs < UNDO_PAUSE_MS && !undone.isEmpty);
    done.clear();
    typing = { at: end, whenMs };
  }

  /** Makes the uppermost step of one pile, and lays what takes it back on the other. */
  function step(from: UndoSteps, onto: UndoSteps): boolean {
    takeIn();
    const text = isClosed || isComposing || isGone || isDue ? undefined : valueOf();
    const edit = typeof text === "string" ? from.pop() : undefined;
    if (edit === undefined || typeof text !== "string") return false;
    const after = applyEdit(text, edit);
    if (after === undefined) return false;
    onto.push(invertEdit(edit, text), false);
    typing = undefined;
    base = after;
    show({ text: after, start: 0, end: 0 });
    const end = toUnits(rendered, rendered === after ? endOfChange(edit) : endOfChange(difference(text, rendered)));
    show({ text: after, start: end, end });
    write(edit, undefined);
    return true;
  }

  /** Something may have come in. */
  function hear(): void {
    if (underWay === 0 && !isFailed) takeIn();
  }

  function changed(): void {
    isFailed = false;
    takeIn();
  }

  function close(): void {
    isClosing = true;
    isComposing = false;
    unlisten();
    takeIn();
    if (isDue && !isFailed) return;
    isClosed = true;
    unsubscribe();
  }

  const first = valueOf();
  if (first !== undefined && typeof first !== "string") throw new SynclineError("CLIENT_EDIT_NOT_A_TEXT", "there is no text at the path");
  base = first;
  show({ ...target.read(), text: base ?? "" });
  const binding: TextBinding = {
    changed,
    compose(composes) {
      isComposing = composes;
      changed();
    },
    undo: () => step(undone, done),
    redo: () => step(done, undone),
    canUndo: () => !undone.isEmpty,
    canRedo: () => !done.isEmpty,
    close,
  };
  const unsubscribe = client.live({ entity, id }).subscribe(hear);
  const unlisten = isTextField(field) ? listenTo(field, binding) : () => {};
  return binding;
}
