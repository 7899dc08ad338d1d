/** Draws a figure over time: what draws is large, so it is loaded by itself. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { HEIGHT } from "./height";

/** Room for the numbers beside it, in pixels. */
const AXIS = 64;
/** Room for the times below it, in pixels: one line. */
const TIMES = 28;
/** Between two times below it, in pixels: as wide as they are, and some air. */
const TIMES_APART = 70;
/** Room for the half of a time that stands at its right end, in pixels. */
const BESIDE = 28;
/** What it shows, in seconds: as long as the hub keeps samples. */
const SHOWN_S = 600;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** Times in seconds, and the figure at each. */
export type Points = readonly [times: readonly number[], values: readonly (number | null)[]];

/** A figure that is drawn. */
export interface Drawing {
  /** Draws what has come. */
  show(points: Points): void;
  /** Draws it as wide as its place has become. */
  fit(): void;
  end(): void;
}

const dataOf = ([times, values]: Points): uPlot.AlignedData => [[...times], [...values]];

/** Draws into a place, in the colours that it has there. */
export function draw(place: HTMLElement, points: Points, write: (value: number) => string): Drawing {
  const plot = new uPlot(options(place, write), dataOf(points), place);
  return {
    show: (latest) => plot.setData(dataOf(latest)),
    fit: () => plot.setSize({ width: place.clientWidth, height: HEIGHT }),
    end: () => plot.destroy(),
  };
}

/** Where nothing has come yet the ten minutes end now. */
function endingAt(latest: number | null | undefined): [number, number] {
  const end = typeof latest === "number" ? latest : Date.now() / 1000;
  return [end - SHOWN_S, end];
}

/** Returns what stands at the ticks; what two of them would say alike is said once. */
export function labelsOf(ticks: readonly number[], write: (value: number) => string): string[] {
  const labels = ticks.map(write);
  return labels.map((label, at) => (labels.indexOf(label) === at ? label : ""));
}

function options(place: HTMLElement, write: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(place);
  const [line, text, grid] = ["--accent", "--quiet", "--line"].map((name) => resolved(place, style.getPropertyValue(name)));
  const axis = { stroke: text ?? "gray", grid: { stroke: grid ?? "gray", width: 1 }, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    // The same ten minutes whatever has come of them: a chart that begins is empty at its left.
    scales: { x: { range: (_, __, latest) => endingAt(latest) }, y: { range: (_, low, high) => [Math.min(0, low), high <= 0 ? 1 : high * 1.1] } },
    padding: [null, BESIDE, null, null],
    axes: [{ ...axis, size: TIMES, space: TIMES_APART, values: (_, times) => times.map((time) => CLOCK.format(time * 1000)) }, { ...axis, size: AXIS, values: (_, ticks) => labelsOf(ticks, write) }],
    series: [{}, { stroke: line ?? "blue", width: 2, spanGaps: false, points: { show: (chart) => chart.data[0].length === 1 } }],
  };
}

/** A canvas knows no `light-dark()`: the browser is asked what it comes to here. */
function resolved(place: HTMLElement, colour: string): string {
  const probe = document.createElement("span");
  probe.style.color = colour;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
