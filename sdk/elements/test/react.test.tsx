import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { act, StrictMode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DataFreshness, LastUpdatedTimestamp, SyncStatus } from "../src/react.js";
import { ago, holdClock, HOUR_MS, MINUTE_MS, part, seen, tidyUp } from "./stage.js";

let root: Root | undefined;

beforeEach(() => {
  holdClock();
  document.documentElement.lang = "en";
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  tidyUp();
});

/** The page of spec 004's example. */
function Page({ at = ago(5 * MINUTE_MS), state = "synced" }: { readonly at?: string; readonly state?: string }) {
  return (
    <StrictMode>
      <LastUpdatedTimestamp timestamp={at} label="Last updated" showRelative={true} />
      <SyncStatus lastSyncedAt={at} syncStatus={state} />
      <DataFreshness timestamp={at} warningThresholdMinutes={60} errorThresholdMinutes={180} />
    </StrictMode>
  );
}

async function show(page: React.ReactNode): Promise<Element> {
  if (root === undefined) {
    const at = document.createElement("div");
    document.body.append(at);
    root = createRoot(at);
  }
  await act(async () => root?.render(page));
  return document.body.children[0] as Element;
}

it("the three have the names and properties of spec 004 and show what their elements show", async () => {
  const page = await show(<Page />);
  expect([...page.children].map(seen)).toEqual(["Last updated: 5 minutes ago", "Synced · 5 minutes ago", "Up to date · 5 minutes ago"]);
});

it("what changes is shown, and what is left out is as the elements have it", async () => {
  const page = await show(<Page />);
  const status = page.children[1] as Element;
  const region = part(status, "state");
  await show(<Page at={ago(2 * HOUR_MS)} state="offline" />);
  expect([...page.children].map(seen)).toEqual(["Last updated: 2 hours ago", "Offline · last synced: 2 hours ago", "Getting old · 2 hours ago"]);
  expect(page.children[1]).toBe(status);
  expect(part(status, "state")).toBe(region);
  await show(
    <>
      <LastUpdatedTimestamp timestamp={undefined} />
      <LastUpdatedTimestamp timestamp={new Date(ago(0))} label="" showRelative={false} timeZone="UTC" />
      <SyncStatus />
      <DataFreshness timestamp={Date.parse(ago(4 * HOUR_MS))} className="small" id="age" warningThresholdMinutes={undefined} />
    </>,
  );
  expect([...page.children].map(seen)).toEqual(["Last updated: never", "January 31, 2024 at 12:00 PM", "Unknown · last synced: never", "Out of date · 4 hours ago"]);
  expect([page.children[3]?.className, page.children[3]?.id]).toEqual(["small", "age"]);
});

it("a page of a server has dates in it, is taken over without a word of complaint, and ticks", async () => {
  const html = renderToString(<Page />);
  expect(html.match(/<time datetime="2024-01-31T11:55:00.000Z">January 31, 2024 at 11:55 AM UTC<\/time>/g)).toHaveLength(3);
  const at = document.createElement("div");
  at.innerHTML = html;
  // The elements are there before React is.
  document.body.append(at);
  const complaints = [vi.spyOn(console, "error"), vi.spyOn(console, "warn")];
  const recovered = vi.fn();
  const before = at.children[0];
  await act(async () => {
    root = hydrateRoot(at, <Page />, { onRecoverableError: recovered });
  });
  expect(at.children[0]).toBe(before);
  expect([...at.children].map(seen)).toEqual(["Last updated: 5 minutes ago", "Synced · 5 minutes ago", "Up to date · 5 minutes ago"]);
  vi.advanceTimersByTime(HOUR_MS);
  expect([...at.children].map(seen)).toEqual(["Last updated: 1 hour ago", "Synced · 1 hour ago", "Getting old · 1 hour ago"]);
  await act(async () => root?.render(<Page at={ago(-HOUR_MS)} state="error" />));
  expect([...at.children].map(seen)).toEqual(["Last updated: now", "Sync failed · last synced: now", "Up to date · now"]);
  expect(recovered).not.toHaveBeenCalled();
  for (const complaint of complaints) expect(complaint.mock.calls).toEqual([]);
});

it("a page that is rendered on a server may import them: they say themselves that they are for the browser", () => {
  expect(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../src/react.ts"), "utf8")).toMatch(/^"use client";\n/);
});

it("taken from the page they leave no timer behind", async () => {
  await show(<Page />);
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  await show(null);
  const mine = vi.getTimerCount();
  await show(<Page />);
  expect(vi.getTimerCount()).toBe(mine + 1);
});
