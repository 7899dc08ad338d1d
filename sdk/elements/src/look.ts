/** Shapes and colours. Every state has a shape of its own, so that nobody needs to tell colours apart. */

import type { Freshness } from "./age.js";
import type { SyncState } from "./words.js";

/** What a mark can say. */
export type Mark = SyncState | Freshness;

/** Colours on light and on dark ground; against white and near-black each has a contrast of 4.5 at least. */
export const COLOURS = {
  ok: ["#15703a", "#7ddc9f"],
  busy: ["#1d5fc4", "#8ab4f8"],
  warning: ["#875200", "#f2c14e"],
  error: ["#b3261e", "#ff8a80"],
  unknown: ["#595f69", "#b0b6bf"],
} as const;

/** Colour and outline of each, on 16 by 16. */
const MARKS: Readonly<Record<Mark, readonly [colour: keyof typeof COLOURS, path: string]>> = {
  // A circle with a tick.
  synced: ["ok", "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13M5 8l2.2 2.2L11 6"],
  // Two arrows in a round.
  syncing: ["busy", "M13.5 8A5.5 5.5 0 0 1 3.6 11.3M2.5 8a5.5 5.5 0 0 1 9.9-3.3M12.5 1.5v3.3H9.2M3.5 14.5v-3.3h3.3"],
  // A clock.
  pending: ["busy", "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13M8 4.5V8l2.5 1.5"],
  // A ring struck through.
  offline: ["unknown", "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13M3.5 3.5l9 9"],
  // A diamond with two sides.
  conflict: ["warning", "M8 1.2L14.8 8L8 14.8L1.2 8zM8 4.5v7"],
  // An octagon with a cross.
  error: ["error", "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"],
  // A square with a question mark.
  unknown: ["unknown", "M2 2h12v12H2zM6.2 6.2a1.9 1.9 0 1 1 2.6 1.8q-.8.4-.8 1.2M8 11.6v.2"],
  // A ring within a ring.
  fresh: ["ok", "M8 4a4 4 0 1 1 0 8a4 4 0 1 1 0-8M8 6.5a1.5 1.5 0 1 1 0 3a1.5 1.5 0 1 1 0-3"],
  // A triangle.
  aging: ["warning", "M8 2l6.5 12h-13zM8 6.2v3.6M8 12v.2"],
  // An octagon with a bar.
  stale: ["error", "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM8 4.5v4.3M8 11.3v.2"],
};

const colours = (of: (light: string, dark: string) => string): string =>
  Object.entries(COLOURS)
    .map(([name, [light, dark]]) => `svg.${name}{color:var(--sync-color-${name},${of(light, dark)})}`)
    .join("");

/** Follows the colour scheme of the page, not that of the device: a page that has no dark one stays light. */
const STYLE = `:host([hidden]){display:none}
svg{width:var(--sync-icon-size,1em);height:var(--sync-icon-size,1em);margin-inline-end:var(--sync-gap,.35em);vertical-align:-.125em;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}
${colours((light) => light)}
@supports (color:light-dark(red,red)){${colours((light, dark) => `light-dark(${light},${dark})`)}}
::slotted(*){unicode-bidi:isolate}
::slotted([data-part=absolute]){position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}`;

let sheet: CSSStyleSheet | undefined;

/** Gives a shadow root the style that all share; a strict content policy allows it. */
export function dress(root: ShadowRoot): void {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  root.adoptedStyleSheets = [sheet];
}

const SVG = "http://www.w3.org/2000/svg";

/** Makes an empty mark. What it says is said in words beside it, so nobody is read it. */
export function makeMark(): SVGSVGElement {
  const mark = document.createElementNS(SVG, "svg");
  mark.setAttribute("part", "icon");
  mark.setAttribute("viewBox", "0 0 16 16");
  mark.setAttribute("aria-hidden", "true");
  mark.append(document.createElementNS(SVG, "path"));
  return mark;
}

/** Has a mark say something else. */
export function setMark(mark: SVGSVGElement, says: Mark): void {
  const [colour, path] = MARKS[says];
  mark.setAttribute("class", colour);
  mark.firstElementChild?.setAttribute("d", path);
}
