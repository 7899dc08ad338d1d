import type { Client } from "@syncline/client";
import { act, StrictMode, Suspense } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { SynclineProvider, type ClientSource } from "../src/index.js";
import { FakeClient } from "./fake-client.js";
import { Page } from "./hydration-page.js";
import { promised } from "./stage.js";

const page = (client: ClientSource) => (
  <StrictMode>
    <SynclineProvider client={client}><Suspense fallback="opening"><Page /></Suspense></SynclineProvider>
  </StrictMode>
);

async function hydrate(client: ClientSource) {
  const at = document.createElement("div");
  document.body.append(at);
  at.innerHTML = renderToString(page(undefined));
  const complaints: unknown[] = [];
  const shown: string[] = [at.textContent ?? ""];
  const watcher = new MutationObserver(() => shown.push(at.textContent ?? ""));
  watcher.observe(at, { childList: true, characterData: true, subtree: true });
  const root = await act(async () => hydrateRoot(at, page(client), { onRecoverableError: (error) => complaints.push(error) }));
  return { at, complaints, shown, root };
}

function filled(): FakeClient {
  const client = new FakeClient();
  client.put("tasks", "t1", { title: "one" });
  client.stand({ network: "up-to-date" });
  return client;
}

it("a page of a server is taken over without a mismatch by a client that is open", async () => {
  const client = filled();
  const { at, complaints, root } = await hydrate(client);
  expect(complaints).toEqual([]);
  expect(at.textContent).toBe("up-to-date: 1 tasks, 0 conflicts, one");
  await act(async () => root.unmount());
  expect(client.listening).toBe(0);
});

it("while the client is opening the page of the server stays, and never turns into the fallback", async () => {
  const { promise, keep } = promised<Client>();
  const { at, complaints, shown, root } = await hydrate(promise);
  expect(at.textContent).toBe("offline: 0 tasks, 0 conflicts, none");
  await act(async () => keep(filled()));
  expect(at.textContent).toBe("up-to-date: 1 tasks, 0 conflicts, one");
  expect(shown.filter((text) => text.includes("opening"))).toEqual([]);
  expect(complaints).toEqual([]);
  await act(async () => root.unmount());
});
