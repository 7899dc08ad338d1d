import type { JsonObject, Shown } from "@syncline/client";
import { act } from "react";
import { describe, expect, it } from "vitest";
import { SynclineProvider, useConflicts, useQuery, useRecord, useSyncStatus } from "../src/index.js";
import { FakeClient } from "./fake-client.js";
import { render } from "./stage.js";

function Title({ id }: { id: string }) {
  return <b>{useRecord<{ title: string }>("tasks", id)?.value.title ?? "none"}</b>;
}

let renders = 0;
function Titles({ where }: { where?: (value: JsonObject) => boolean }) {
  renders += 1;
  const tasks = useQuery<{ title: string }>({ entity: "tasks", ...(where ? { where } : {}) });
  return <b>{tasks.map((task) => task.value.title).join()}</b>;
}

describe("what is live", () => {
  it("a record is shown, changes, goes, and another one takes its place", async () => {
    const client = new FakeClient();
    client.put("tasks", "t1", { title: "one" });
    client.put("tasks", "t2", { title: "two" });
    const stage = await render(<SynclineProvider client={client}><Title id="t1" /></SynclineProvider>);
    expect(stage.text()).toBe("one");
    await act(async () => client.put("tasks", "t1", { title: "uno" }));
    expect(stage.text()).toBe("uno");
    await stage.show(<SynclineProvider client={client}><Title id="t2" /></SynclineProvider>);
    expect(stage.text()).toBe("two");
    await act(() => client.delete("tasks", "t2"));
    expect(stage.text()).toBe("none");
  });

  it("a query that is written in place is begun once and renders again only when something changes", async () => {
    const client = new FakeClient();
    client.put("tasks", "t1", { title: "one" });
    const stage = await render(<SynclineProvider client={client}><Titles /></SynclineProvider>);
    const { lives } = client;
    const before = renders;
    await act(async () => client.put("notes", "n1", { title: "elsewhere" }));
    expect(renders).toBe(before);
    await act(async () => client.put("tasks", "t2", { title: "two" }));
    expect(stage.text()).toBe("one,two");
    await stage.show(<SynclineProvider client={client}><Titles /></SynclineProvider>);
    expect(client.lives).toBe(lives);
  });

  it("another function as a condition is another query", async () => {
    const client = new FakeClient();
    client.put("tasks", "t1", { title: "one" });
    client.put("tasks", "t2", { title: "two" });
    const stage = await render(<SynclineProvider client={client}><Titles where={(value) => value["title"] === "one"} /></SynclineProvider>);
    expect(stage.text()).toBe("one");
    await stage.show(<SynclineProvider client={client}><Titles where={(value) => value["title"] === "two"} /></SynclineProvider>);
    expect(stage.text()).toBe("two");
  });

  it("two renders of strict mode leave one listener, and leaving the page none", async () => {
    const client = new FakeClient();
    const stage = await render(<SynclineProvider client={client}><Titles /></SynclineProvider>);
    expect(client.listeners.live.size).toBe(1);
    await stage.leave();
    expect(client.listening).toBe(0);
  });

  it("another client is listened to instead of the first", async () => {
    const [first, second] = [new FakeClient(), new FakeClient()];
    first.put("tasks", "t1", { title: "first" });
    second.put("tasks", "t1", { title: "second" });
    const stage = await render(<SynclineProvider client={first}><Title id="t1" /></SynclineProvider>);
    await stage.show(<SynclineProvider client={second}><Title id="t1" /></SynclineProvider>);
    expect(stage.text()).toBe("second");
    expect([first.listening, second.listening]).toEqual([0, 1]);
  });

  it("status and conflicts are followed", async () => {
    const client = new FakeClient();
    function Badge() {
      return <b>{`${useSyncStatus().network} ${useConflicts().map((record) => record.id).join()}`}</b>;
    }
    const stage = await render(<SynclineProvider client={client}><Badge /></SynclineProvider>);
    expect(stage.text()).toBe("offline ");
    const record: Shown = { entity: "tasks", id: "t1", value: {}, pending: false, conflicts: [{ id: "c1", path: "/title" }] };
    await act(async () => {
      client.stand({ network: "up-to-date" });
      client.setConflicts([record]);
    });
    expect(stage.text()).toBe("up-to-date t1");
    await stage.leave();
    expect(client.listening).toBe(0);
  });

  it("a hook outside of a provider says so", async () => {
    await expect(render(<Title id="t1" />)).rejects.toThrow("outside of <SynclineProvider>");
  });
});
