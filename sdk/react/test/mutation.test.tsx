import { SynclineError } from "@syncline/client";
import { act } from "react";
import { expect, it } from "vitest";
import { SynclineProvider, useMutation, type Mutation } from "../src/index.js";
import { FakeClient } from "./fake-client.js";
import { promised, render } from "./stage.js";

async function stand(client: FakeClient | undefined) {
  const seen: Mutation[] = [];
  function Form() {
    seen.push(useMutation());
    return null;
  }
  const stage = await render(<SynclineProvider client={client}><Form /></SynclineProvider>);
  const now = (): Mutation => {
    const last = seen.at(-1);
    if (last === undefined) throw new Error("nothing was rendered");
    return last;
  };
  return { now, stage };
}

it("an edit is pending until it is written, and the functions stay the same", async () => {
  const client = new FakeClient();
  const { promise, keep } = promised<void>();
  client.writes = promise;
  const { now } = await stand(client);
  const { edit, delete: remove, transaction, reset } = now();
  await act(async () => void edit("tasks", "t1", (task) => task.set("/title", "one")));
  expect(now().isPending).toBe(true);
  await act(async () => keep());
  expect(now().isPending).toBe(false);
  expect(now()).toMatchObject({ edit, delete: remove, transaction, reset, error: undefined });
  expect(client.get("tasks", "t1")?.value).toEqual({ title: "one" });
});

it("an edit is made before anything else can happen to what is shown", async () => {
  const client = new FakeClient();
  const { now } = await stand(client);
  let isMade = false;
  client.edit = async () => {
    isMade = true;
    return { operations: [1] };
  };
  await act(async () => {
    void now().edit("tasks", "t1", () => {});
    expect(isMade).toBe(true);
  });
});

it("an edit that cannot be written is an error and no rejection; the next one clears it", async () => {
  const client = new FakeClient();
  const { now } = await stand(client);
  const full = new SynclineError("CLIENT_QUEUE_FULL", "the queue is full");
  client.writes = Promise.reject(full);
  client.writes.catch(() => {});
  await act(async () => expect(await now().edit("tasks", "t1", () => {})).toBeUndefined());
  expect(now()).toMatchObject({ error: full, isPending: false });
  client.writes = Promise.resolve();
  await act(async () => expect(await now().edit("tasks", "t1", () => {})).toEqual({ operations: [1] }));
  expect(now().error).toBeUndefined();
});

it("what the hub refuses is told to the hook that has edited, and to no other", async () => {
  const client = new FakeClient();
  const { now } = await stand(client);
  const other = await stand(client);
  await act(() => now().edit("tasks", "t1", () => {}));
  const refused = { operation: 1, entity: "tasks", id: "t1", refusal: { code: "WRITE_DENIED", detail: "no" } };
  await act(async () => client.notify({ kind: "refused", refused }));
  expect(now().refused).toEqual(refused);
  expect(other.now().refused).toBeUndefined();
  await act(async () => now().reset());
  expect(now().refused).toBeUndefined();
});

it("deletes and transactions are carried out, and nobody listens once the page is left", async () => {
  const client = new FakeClient();
  client.put("tasks", "t1", {});
  const { now, stage } = await stand(client);
  await act(() => now().delete("tasks", "t1"));
  await act(async () => expect(await now().transaction(() => {})).toEqual({ operations: [2] }));
  expect(client.get("tasks", "t1")).toBeUndefined();
  expect(client.listening).toBe(1);
  await stage.leave();
  expect(client.listening).toBe(0);
});

it("without a client an edit is an error", async () => {
  const { now } = await stand(undefined);
  await act(() => now().delete("tasks", "t1"));
  expect(now().error).toMatchObject({ code: "CLIENT_CLOSED" });
});
