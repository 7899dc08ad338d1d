/** How long an edit takes to be seen elsewhere, as an app sees it: from the call to the call of a listener. */

import type { Tab } from "./tab.js";

/** Between two edits, in milliseconds: each is seen alone. */
const PAUSE_MS = 15;

/** Edits so often in one tab, and returns for each how many milliseconds later the other one was told of it. */
export async function latencies(from: Tab, to: Tab, id: string, edits: number): Promise<readonly number[]> {
  await to.run((id) => {
    const seen: number[] = [];
    Object.assign(window, { seen });
    const live = window.client.live({ entity: "latencies", id });
    live.subscribe(({ records }) => {
      const number = records[0]?.value["number"];
      // The clock of the machine is one for all its processes; monotonic ones begin with each.
      if (typeof number === "number" && seen[number] === undefined) seen[number] = Date.now();
    });
  }, id);
  const made = await from.run(
    async (id, edits, pause) => {
      const made: number[] = [];
      for (let number = 0; number < edits; number++) {
        made.push(Date.now());
        await window.client.edit("latencies", id, (edit) => edit.set("/number", number));
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      return made;
    },
    id,
    edits,
    PAUSE_MS,
  );
  const seen = await to.run(async (last) => {
    const { seen } = window as unknown as { readonly seen: readonly (number | undefined)[] };
    await window.page.until("the last edit is seen", () => seen[last] !== undefined);
    return seen;
  }, edits - 1);
  return made.map((at, number) => {
    // What was overtaken by the next was seen with it.
    const first = seen.slice(number).find((time) => typeof time === "number");
    return (first ?? Infinity) - at;
  });
}

/** Returns the value that a share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
