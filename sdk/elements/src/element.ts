/** What the three elements have in common: when they render, and what stands where. */

import { millisOf, type Timestamp } from "./age.js";
import { serverNow } from "./clock.js";
import { absoluteOf, languageOf, localeOf, relativeTo } from "./language.js";
import { dress, makeMark, setMark, type Mark } from "./look.js";
import { takeOver } from "./property.js";
import { forget, keepShown, renderOne } from "./shown.js";
import { wordsOf, type Words } from "./words.js";

/** Where there is no document, as on a server, the elements can be imported and do nothing. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/** What an element says. */
export interface Content {
  /** The shape before it; none for a time alone. */
  readonly mark?: Mark;
  /** The state in words. */
  readonly state: string;
  /** Between the state and the time. */
  readonly lead: string;
  /** Whether the lead is in the words of the page and not of the elements. */
  readonly isOwnLead?: boolean;
  readonly timestamp: Timestamp;
  readonly isRelative: boolean;
  /** After how many milliseconds the state changes by itself. */
  readonly changesInMs?: number;
}

/** Parts in the light tree, so that the page can style them and everybody can read them. */
interface Parts {
  readonly mark: SVGSVGElement;
  says: Mark | undefined;
  readonly root: ShadowRoot;
  readonly state: HTMLElement;
  readonly lead: HTMLElement;
  time: HTMLElement;
  readonly absolute: HTMLElement;
}

/**
 * Shows how old something is, in the language of its place.
 *
 * What the page has put into it is what is shown without scripts; it is left as it is and hidden. What the element says instead
 * stands behind it, in nodes of its own: no other node is ever touched.
 */
export abstract class FreshnessElement extends Base {
  #parts: Parts | undefined;
  #isDue = false;

  /** Returns what to say. */
  protected abstract content(words: Words, now: number): Content;

  /** Whether a change of the state is told to people who listen. */
  protected get isAnnounced(): boolean {
    return false;
  }

  connectedCallback(): void {
    takeOver(this);
    keepShown(this, () => this.#render());
  }

  disconnectedCallback(): void {
    forget(this);
  }

  /** Attributes that change together are shown at once. */
  attributeChangedCallback(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      renderOne(this);
    });
  }

  /** Shows it, and returns in how many milliseconds it reads otherwise. */
  #render(): number {
    const parts = (this.#parts ??= this.#make());
    // Whoever emptied the element has emptied what the page put there.
    if (parts.state.parentNode !== this) this.append(parts.state, parts.lead, parts.time, parts.absolute);
    const language = languageOf(this);
    const locale = localeOf(language);
    const { words, language: spoken } = wordsOf(locale);
    const now = serverNow();
    const content = this.content(words, now);

    if (content.mark === undefined) parts.mark.remove();
    else {
      if (!parts.mark.isConnected) parts.root.prepend(parts.mark);
      if (parts.says !== content.mark) setMark(parts.mark, content.mark);
      parts.says = content.mark;
      setAttribute(this, "data-state", content.mark);
    }
    const foreign = locale.startsWith(spoken) ? null : spoken;
    setText(parts.state, content.state);
    setAttribute(parts.state, "lang", foreign);
    setText(parts.lead, content.lead);
    setAttribute(parts.lead, "lang", content.isOwnLead === true ? null : foreign);

    const then = millisOf(content.timestamp);
    parts.time = ofKind(parts.time, then === undefined ? "span" : "time");
    setAttribute(parts.time, "lang", then === undefined ? foreign : null);
    let changesInMs = content.changesInMs ?? Infinity;
    let absolute = "";
    if (then === undefined) setText(parts.time, words.never);
    else {
      const written = absoluteOf(then, language, this.getAttribute("time-zone") ?? undefined);
      const relative = relativeTo(now, then, language);
      const isRelative = content.isRelative && relative.text !== undefined;
      if (content.isRelative) changesInMs = Math.min(changesInMs, relative.changesInMs);
      setText(parts.time, (isRelative ? relative.text : undefined) ?? written);
      setAttribute(parts.time, "datetime", new Date(then).toISOString());
      setAttribute(parts.time, "title", written);
      if (isRelative) absolute = `, ${written}`;
    }
    setText(parts.absolute, absolute);
    return changesInMs;
  }

  #make(): Parts {
    const root = this.attachShadow({ mode: "open" });
    dress(root);
    const slot = document.createElement("slot");
    slot.name = "live";
    root.append(slot);
    // A copy of a page, or of an element, brings along what was shown there.
    for (const copied of this.querySelectorAll(":scope > [slot=live]")) copied.remove();
    const [state, lead, time, absolute] = [make("span", "state"), make("span", "lead"), make("span", "time"), make("span", "absolute")];
    // It is there, and says what it says, before it first changes: only changes are read out.
    if (this.isAnnounced) state.setAttribute("role", "status");
    return { mark: makeMark(), says: undefined, root, state, lead, time, absolute };
  }
}

function make(tag: string, part: string): HTMLElement {
  const made = document.createElement(tag);
  made.slot = "live";
  made.dataset["part"] = part;
  return made;
}

/** Returns the node, or one of another kind in its place: what is no time is no `<time>`. */
function ofKind(node: HTMLElement, tag: "span" | "time"): HTMLElement {
  if (node.localName === tag) return node;
  const made = make(tag, "time");
  node.replaceWith(made);
  return made;
}

/** Changes nothing that is so already: whatever watches the page is not woken. */
function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: HTMLElement, name: string, value: string | null): void {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
