// @vitest-environment node
import type { Client } from "@syncline/client";
import { Suspense } from "react";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { SynclineProvider, type ClientSource } from "../src/index.js";
import { FakeClient } from "./fake-client.js";
import { Page } from "./hydration-page.js";

it("a server renders what is empty, whatever client it is given, and needs no window", () => {
  expect("window" in globalThis).toBe(false);
  const open = new FakeClient();
  open.put("tasks", "t1", { title: "of nobody in particular" });
  const sources: [string, ClientSource][] = [
    ["none", undefined],
    ["one that is opening", new Promise<Client>(() => {})],
    ["one that is open", open],
  ];
  for (const [name, client] of sources) {
    const html = renderToString(<SynclineProvider client={client}><Suspense fallback="opening"><Page /></Suspense></SynclineProvider>);
    expect(html, name).toContain("<p>offline: 0 tasks, 0 conflicts, none</p>");
  }
  expect(open.listening).toBe(0);
});
