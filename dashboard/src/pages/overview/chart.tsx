/** One figure over time: its name and its latest value at once, its line once somebody can see it. */

import { type ReactElement, useEffect, useRef, useSyncExternalStore } from "react";
import type { Sample } from "../../hub/shapes";
import { OVERVIEW } from "../../texts/overview";
import type { Drawing, Points } from "./draw";

/** How far below what is seen it is drawn already, in pixels: less than one scrolls while it is loaded. */
const AHEAD = 300;

interface Facts {
  readonly title: string;
  readonly times: readonly Sample[];
  readonly values: readonly (number | null)[];
  readonly write: (value: number) => string;
  /** What it is at where there is no figure. */
  readonly none?: string;
}

export function Chart({ title, times, values, write, none = OVERVIEW.unknown }: Facts): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const points = useRef<Points>([[], []]);
  const words = useRef(write);
  words.current = write;
  const scheme = useScheme();
  points.current = [times.map(({ at }) => Date.parse(at) / 1000), values];
  useEffect(() => {
    const shown = place.current;
    if (shown === null) return;
    let isOver = false;
    const size = new ResizeObserver(() => drawing.current?.fit());
    const begin = async (): Promise<void> => {
      const { draw } = await import("./draw");
      if (isOver) return;
      drawing.current = draw(shown, points.current, (value) => words.current(value));
      size.observe(shown);
    };
    const sight = new IntersectionObserver(
      (seen) => {
        if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
        sight.disconnect();
        // Without its line it still says what it is at.
        void begin().catch(() => undefined);
      },
      { rootMargin: `${AHEAD}px` },
    );
    sight.observe(shown);
    return () => {
      isOver = true;
      sight.disconnect();
      size.disconnect();
      drawing.current?.end();
      drawing.current = undefined;
    };
  }, [scheme]);
  useEffect(() => drawing.current?.show(points.current));
  const latest = values.at(-1);
  const now = latest === undefined ? OVERVIEW.unknown : latest === null ? none : write(latest);
  return (
    <figure className="card">
      <figcaption>
        {title} <span className="number">{now}</span>
      </figcaption>
      <div ref={place} className="chart" role="img" aria-label={OVERVIEW.chart(title, now)} />
    </figure>
  );
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
