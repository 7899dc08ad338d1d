import type { Client } from "@syncline/client";
import { act, Suspense } from "react";
import { expect, it } from "vitest";
import { SynclineProvider, useMutation, useRecord, useSyncStatus, type ClientSource, type Mutation } from "../src/index.js";
import { openingOf } from "../src/opening.js";
import { FakeClient } from "./fake-client.js";
import { Boundary, promised, render } from "./stage.js";

function Title() {
  return <b>{useRecord<{ title: string }>("tasks", "t1")?.value.title ?? "none"}</b>;
}

function Page({ client, children }: { client: ClientSource; children?: React.ReactNode }) {
  return (
    <SynclineProvider client={client}>
      <Boundary>
        <Suspense fallback="opening"><Title />{children}</Suspense>
      </Boundary>
    </SynclineProvider>
  );
}

it("what shows records waits for a client that is opening", async () => {
  const { promise, keep } = promised<Client>();
  const client = new FakeClient();
  client.put("tasks", "t1", { title: "one" });
  const stage = await render(<Page client={promise} />);
  expect(stage.text()).toBe("opening");
  await act(async () => keep(client));
  expect(stage.text()).toBe("one");
  await stage.leave();
  expect(client.listening).toBe(0);
});

it("a client that cannot be opened is thrown to the boundary", async () => {
  const { promise, break: fail } = promised<Client>();
  const stage = await render(<Page client={promise} />);
  await act(async () => fail(new Error("no room")));
  expect(stage.text()).toBe("broken: no room");
});

it("without a client there is nothing, and nobody waits", async () => {
  const stage = await render(<Page client={undefined} />);
  expect(stage.text()).toBe("none");
});

it("status and edits do not suspend: an edit is made once the client is open", async () => {
  const { promise, keep } = promised<Client>();
  let mutation: Mutation | undefined;
  function Form() {
    mutation = useMutation();
    return <i>{`${useSyncStatus().network} ${mutation.isPending}`}</i>;
  }
  const stage = await render(<SynclineProvider client={promise}><Form /></SynclineProvider>);
  expect(stage.text()).toBe("offline false");
  let edited: unknown;
  await act(async () => void mutation?.edit("tasks", "t1", (edit) => edit.set("/title", "early")).then((it) => (edited = it)));
  expect(stage.text()).toBe("offline true");
  const client = new FakeClient();
  await act(async () => keep(client));
  expect(stage.text()).toBe("offline false");
  expect(edited).toEqual({ operations: [1] });
  expect(client.get("tasks", "t1")?.value).toEqual({ title: "early" });
});

it("a source has one stage for all who ask, and who has left is told nothing", async () => {
  const { promise, keep } = promised<Client>();
  const opening = openingOf(promise);
  expect(openingOf(promise)).toBe(opening);
  const told: string[] = [];
  opening.subscribe(() => told.push("stays"));
  opening.subscribe(() => told.push("left"))();
  keep(new FakeClient());
  await promise;
  await Promise.resolve();
  expect([told, opening.stage().kind]).toEqual([["stays"], "open"]);
});
