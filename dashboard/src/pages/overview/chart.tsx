/** One figure over time. */

import { type ReactElement, useEffect, useRef, useSyncExternalStore } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Sample } from "../../hub/shapes";
import { OVERVIEW } from "../../texts/overview";

/** Height in pixels: six of them fit a screen. */
const HEIGHT = 130;
/** Room for the numbers beside it, in pixels. */
const AXIS = 64;
/** Room for the times below it, in pixels: one line. */
const TIMES = 28;
/** Between two times below it, in pixels: as wide as they are, and some air. */
const TIMES_APART = 70;
/** What it shows, in seconds: as long as the hub keeps samples. */
const SHOWN_S = 600;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

interface Facts {
  readonly title: string;
  readonly times: readonly Sample[];
  readonly values: readonly (number | null)[];
  readonly write: (value: number) => string;
}

export function Chart({ title, times, values, write }: Facts): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = useRef<uPlot.AlignedData>([[], []]);
  const words = useRef(write);
  words.current = write;
  const scheme = useScheme();
  data.current = [times.map(({ at }) => Date.parse(at) / 1000), [...values]];
  useEffect(() => {
    const shown = place.current;
    if (shown === null) return;
    plot.current = new uPlot(options(shown, (value) => words.current(value)), data.current, shown);
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: shown.clientWidth, height: HEIGHT }));
    watcher.observe(shown);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
    };
  }, [scheme]);
  useEffect(() => plot.current?.setData(data.current));
  const latest = values.findLast((value) => value !== null);
  const now = latest === undefined || latest === null ? OVERVIEW.unknown : write(latest);
  return (
    <figure className="card">
      <figcaption>
        {title} <span className="quiet number">{now}</span>
      </figcaption>
      <div ref={place} className="chart" role="img" aria-label={OVERVIEW.chart(title, now)} />
    </figure>
  );
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
    scales: { x: { range: (_, __, latest) => [(latest ?? 0) - SHOWN_S, latest ?? 0] }, y: { range: (_, low, high) => [Math.min(0, low), high <= 0 ? 1 : high * 1.1] } },
    axes: [{ ...axis, size: TIMES, space: TIMES_APART, values: (_, times) => times.map((time) => CLOCK.format(time * 1000)) }, { ...axis, size: AXIS, values: (_, ticks) => ticks.map(write) }],
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

/** Changes whenever the page goes from light to dark or back. */
function useScheme(): string {
  return useSyncExternalStore(
    (listener) => {
      const system = matchMedia("(prefers-color-scheme: dark)");
      system.addEventListener("change", listener);
      const chosen = new MutationObserver(listener);
      chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
      return () => {
        system.removeEventListener("change", listener);
        chosen.disconnect();
      };
    },
    () => document.documentElement.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"),
  );
}
