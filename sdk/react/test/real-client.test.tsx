/** The hooks over the client itself, without a hub: snapshots that were not stable would render without end. */

import { open } from "@syncline/client";
import { memory } from "../../client/src/storage/memory.js";
import { act, Suspense } from "react";
import { expect, it } from "vitest";
import { SynclineProvider, useMutation, useQuery, useRecord, useSyncStatus, type Mutation } from "../src/index.js";
import { render } from "./stage.js";

let mutation: Mutation | undefined;
let renders = 0;

function Tasks() {
  renders += 1;
  mutation = useMutation();
  const tasks = useQuery<{ title: string }>({ entity: "tasks", where: { "/done": false }, sort: ["-/title"] });
  const first = useRecord<{ title: string }>("tasks", "t1");
  const { pending } = useSyncStatus();
  return <b>{`${tasks.map((task) => task.value.title).join()} | ${first?.value.title ?? "none"}${first?.pending ? " pending" : ""} | ${pending}`}</b>;
}

it("edits of the client are shown, in order, and as waiting; and nothing renders without a change", async () => {
  const opening = open({ name: "hooks", storage: memory() });
  const stage = await render(
    <SynclineProvider client={opening}>
      <Suspense fallback="opening"><Tasks /></Suspense>
    </SynclineProvider>,
  );
  const client = await act(async () => {
    const client = await opening;
    for (const [id, title] of [["t1", "A"], ["t2", "B"]] as const) await client.edit("tasks", id, (task) => task.set("/title", title).set("/done", false));
    return client;
  });
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  expect(stage.text()).toBe("B,A | A pending | 2");
  await act(async () => void (await mutation?.edit("tasks", "t1", (task) => task.set("/done", true))));
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  expect(stage.text()).toBe("B | A pending | 3");
  const before = renders;
  await act(() => client.edit("notes", "n1", (note) => note.set("/title", "elsewhere")));
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  // The count of what waits has changed, twice in strict mode, and no query.
  expect(renders - before).toBeLessThanOrEqual(2);
  expect(mutation?.error).toBeUndefined();
  await stage.leave();
  await client.close();
});

it("an edit that is refused by the device is an error of the hook", async () => {
  const client = await open({ name: "hooks", storage: memory() });
  const stage = await render(<SynclineProvider client={client}><Tasks /></SynclineProvider>);
  await act(async () => expect(await mutation?.edit("tasks", "t1", () => {})).toBeUndefined());
  expect(mutation?.error).toMatchObject({ code: "CLIENT_EDIT_EMPTY" });
  await stage.leave();
  await client.close();
});
