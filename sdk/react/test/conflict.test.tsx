import type { ConflictDetail } from "@syncline/client";
import { act } from "react";
import { expect, it } from "vitest";
import { SynclineProvider, useConflict, type ConflictDesk } from "../src/index.js";
import { FakeClient } from "./fake-client.js";
import { render } from "./stage.js";

const detail = (id: string): ConflictDetail => ({ id, entity: "tasks", record: "t1", path: "/title", shown: "A", detail: {} });

async function stand(client: FakeClient) {
  let desk: ConflictDesk | undefined;
  function Dialog({ id }: { id: string | undefined }) {
    desk = useConflict(id);
    return <b>{`${desk.detail?.id ?? "-"} ${desk.error?.message ?? ""}`}</b>;
  }
  const page = (id: string | undefined) => <SynclineProvider client={client}><Dialog id={id} /></SynclineProvider>;
  const stage = await render(page("c1"));
  return { stage, show: (id: string | undefined) => stage.show(page(id)), desk: () => desk as ConflictDesk };
}

it("what the hub tells is shown, of this conflict and not of the one before", async () => {
  const client = new FakeClient();
  client.details.set("c1", detail("c1"));
  const { stage, show } = await stand(client);
  expect(stage.text()).toBe("c1 ");
  await show("c2");
  expect(stage.text()).toBe("- no hub");
  await show(undefined);
  expect(stage.text()).toBe("- ");
});

it("it is asked again when the hub comes in reach", async () => {
  const client = new FakeClient();
  const { stage } = await stand(client);
  expect(stage.text()).toBe("- no hub");
  client.details.set("c1", detail("c1"));
  await act(async () => client.stand({ network: "online" }));
  expect(stage.text()).toBe("c1 ");
});

it("a decision is carried out; one that cannot be is an error beside what is shown", async () => {
  const client = new FakeClient();
  client.details.set("c1", detail("c1"));
  const { desk, stage } = await stand(client);
  await act(async () => expect(await desk().decide("mine")).toBe(true));
  expect(client.decided).toEqual([["c1", "mine"]]);
  client.details.clear();
  await act(async () => expect(await desk().decide({ edit: "C" })).toBe(false));
  expect(stage.text()).toBe("c1 no such conflict");
  expect(desk().isDeciding).toBe(false);
});
