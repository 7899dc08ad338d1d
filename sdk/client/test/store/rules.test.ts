/** What the store of the Rust client is tested for, with the same inputs (`crates/syncline-client/src/store/tests.rs`). */

import { expect, it } from "vitest";
import { memory } from "../../src/storage/memory.js";
import type { OpenConflict, Result, Welcome } from "../../src/protocol/message.js";
import { EditWriter } from "../../src/edit.js";
import type { Edit } from "../../src/api.js";
import type { JsonObject } from "../../src/json/value.js";
import { applyEdit } from "../../src/protocol/text.js";
import { answer, edit, INCARNATION, lead, openTab, page, shownOf, withinSnapshot, type Tab, retryIn, discardIn } from "./device.js";

const NEXT_LIFE = "00000000000000000000000000000077";
const REJECTED: Partial<Result> = { status: "rejected", problem: { code: "GATE_REFUSED", detail: "the field may not be written", retryable: false } };
const VIEWS = [{ view: "a" }, { view: "b" }];

async function leading(storage = memory()): Promise<Tab> {
  return lead(await openTab(storage));
}

/** Edits what is shown; kept with the counters. */
async function make(tab: Tab, id: string, write: (edit: Edit) => void): Promise<number[]> {
  const before = shownOf(tab, id) as JsonObject | undefined;
  const writer = new EditWriter(before);
  write(writer);
  const texts = Object.fromEntries(Object.entries(before ?? {}).flatMap(([name, value]) => (typeof value === "string" ? [[`/${name}`, value]] : [])));
  const drafts = writer.finish().map((effect) => ({ entity: "tasks", id, effect, texts: effect.text ? texts : {}, isUrgent: false }));
  return tab.store.edit(drafts, new Date(1_000));
}

const settle = (tab: Tab, counter: number, position: number, facts: Partial<Result> = {}, backedUp?: number) =>
  tab.side.settle([answer(tab, counter, { ...(position > 0 && { position, version: `t${position}` }), ...facts })], backedUp);
const told = (id: string, position: number, record: JsonObject) => ({ id, position, version: `t${position}`, record });
const unscoped = (id: string, position: number) => ({ id, position, version: `t${position}`, gone: "unscoped" as const });
const snapshot = (began: number, changes: Parameters<typeof page>[0], facts: object = {}) => page(changes, began, { snapshot: true, begins: true, ...facts });
const basesOf = (tab: Tab) => tab.side.waiting(0, 10).map(({ operation }) => operation.base);
const welcome = (incarnation: string, facts: Partial<Welcome>): Welcome => ({
  protocol: 1,
  incarnation,
  heartbeat_ms: 30_000,
  window: 64,
  limits: { push_operations: 1_000, message_bytes: 8 << 20 },
  ...facts,
});

it("a refused edit is taken back with what came after it and its lane stands", async () => {
  const tab = await leading();
  const draft = (id: string, value: number) => ({ entity: "tasks", id, effect: { set: { "/a": value } }, texts: {}, isUrgent: false });
  const [one, two] = (await tab.store.edit([draft("t1", 1), draft("t2", 2)], new Date(1_000))) as [number, number];
  const [three] = (await make(tab, "t1", (r) => r.set("/b", 3))) as [number];
  const [four] = (await make(tab, "t3", (r) => r.set("/a", 4))) as [number];
  await settle(tab, one, 0, REJECTED);
  expect(tab.fates.map(([counter, , , fate]) => [counter, fate.status === "refused" && fate.refusal.code]).sort()).toEqual([[one, "GATE_REFUSED"], [two, "OPERATION_AFTER_REFUSED"]]);
  expect([shownOf(tab, "t1"), shownOf(tab, "t2")]).toEqual([{ b: 3 }, undefined]);
  const sent = () => tab.side.waiting(0, 10).map(({ operation }) => operation.op);
  expect(sent(), "only the third record goes on").toEqual([four]);
  const [five] = (await retryIn(tab, one)) as [number];
  expect(five).toBeGreaterThan(four);
  await discardIn(tab, two);
  expect(sent()).toEqual([three, four, five]);
  await expect(discardIn(tab, two)).rejects.toMatchObject({ code: "CLIENT_OPERATION_UNKNOWN" });
});

it("what is older than what is held is ignored", async () => {
  const tab = await leading();
  const [one] = (await make(tab, "t1", (r) => r.set("/a", 1))) as [number];
  await tab.side.page(0, page([told("t1", 9, { a: 9 })], 9), false);
  await settle(tab, one, 3, { status: "merged", record: { a: 1 } });
  expect(shownOf(tab, "t1")).toEqual({ a: 9 });
  await tab.side.page(0, page([told("t1", 8, { a: 8 })], 9), false);
  expect(shownOf(tab, "t1")).toEqual({ a: 9 });
});

it("a snapshot drops what it does not show and no operation", async () => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 1, { a: 1 }), told("t2", 2, { a: 2 })], 2), false);
  await make(tab, "t2", (r) => r.set("/b", 5));
  // A result that is newer than the snapshot, which begins at 5.
  const [two] = (await make(tab, "t3", (r) => r.set("/a", 3))) as [number];
  await settle(tab, two, 6);
  await tab.side.page(0, snapshot(5, [told("t1", 4, { a: 4 })], { cursor: withinSnapshot(5), more: true }), true);
  expect(shownOf(tab, "t2"), "not yet").toEqual({ a: 2, b: 5 });
  await tab.side.page(0, snapshot(5, [], { begins: false }), false);
  expect(["t1", "t2", "t3"].map((id) => shownOf(tab, id))).toEqual([{ a: 4 }, { b: 5 }, { a: 3 }]);
});

it("only conflicts that wait are kept", async () => {
  const tab = await leading();
  const waits: OpenConflict = { id: "c2", path: "" };
  const cases: [string[], OpenConflict[], string[]][] = [
    [["c1"], [], []],
    [["c2"], [waits], ["c2"]],
    [[], [], ["c2"]],
    [["c3"], [], []],
  ];
  for (const [at, [conflicts, open, expected]] of cases.entries()) {
    const [counter] = (await make(tab, "t1", (r) => r.set("/a", at))) as [number];
    const status = conflicts.length > 0 ? "conflict" : "merged";
    await settle(tab, counter, at + 1, { status, record: { a: 1 }, ...(conflicts.length > 0 && { conflicts }), ...(open.length > 0 && { open }) });
    expect(tab.store.state.find("tasks", "t1")?.conflicts.map(({ id }) => id), `case ${at}`).toEqual(expected);
  }
});

it("positions of another incarnation are older", async () => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 90, { a: 1 })], 90), false);
  const [one] = (await make(tab, "t1", (r) => r.set("/a", 2))) as [number];
  await tab.side.greet(welcome(NEXT_LIFE, {}));
  await settle(tab, one, 3, { status: "merged", record: { a: 2, old: true } });
  expect(shownOf(tab, "t1")).toEqual({ a: 2, old: true });
});

it("what is sent again is shown once before, meanwhile and after", async () => {
  const storage = memory();
  let tab = await leading(storage);
  const counts = () => [tab.store.state.kept.size, tab.store.pending];
  const shows = (n: number) => expect(shownOf(tab, "t1")).toEqual({ n });
  expect(await tab.side.greet(welcome(INCARNATION, { backed_up: 0 }))).toBe(false);
  const counters: number[] = [];
  for (const position of [1, 2, 3]) {
    const [counter] = (await make(tab, "t1", (r) => r.increment("/n", 1))) as [number];
    counters.push(counter);
    await settle(tab, counter, position, {}, 0);
  }
  const [last] = (await make(tab, "t1", (r) => r.increment("/n", 10))) as [number];
  counters.push(last);
  await tab.side.backedUp(1);
  expect(counts()).toEqual([2, 1]);
  shows(13);
  // The hub is another one, which lacks the latter two.
  const next = welcome(NEXT_LIFE, { backed_up: 1, floor: counters[0] as number });
  expect(await tab.side.greet(next)).toBe(true);
  expect(counts()).toEqual([0, 3]);
  shows(13);
  await tab.store.close();
  tab = await leading(storage);
  shows(13);
  expect(tab.side.waiting(0, 10).map(({ operation }) => operation.op), "in their old order").toEqual(counters.slice(1));
  expect(await tab.side.greet(next), "once").toBe(false);
  for (const [at, n] of [[1, 2], [2, 3], [3, 13]] as const) {
    await settle(tab, counters[at] as number, at + 1, { status: "merged", record: { n } }, 1);
    shows(13);
  }
  expect(counts(), "until this one is backed up").toEqual([3, 0]);
});

it("a record that goes out of sight is forgotten and its operations are not", async () => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 1, { a: 1 }), told("t2", 1, { a: 1 })], 1), false);
  const [one] = (await make(tab, "t2", (r) => r.set("/b", 2))) as [number];
  await tab.side.page(0, page([unscoped("t1", 2), unscoped("t2", 3)], 3), false);
  expect([shownOf(tab, "t1"), shownOf(tab, "t2")]).toEqual([undefined, { b: 2 }]);
  expect(basesOf(tab), "the operation says what its writer had seen").toEqual(["t1"]);
  // Its result tells more than the log did: it is newer.
  await settle(tab, one, 9, { status: "merged", record: { a: 1, b: 2 } });
  await tab.side.page(0, page([unscoped("t2", 4)], 4), false);
  expect(shownOf(tab, "t2")).toEqual({ a: 1, b: 2 });
});

it("a record leaves with the last view that shows it", async () => {
  const tab = await lead(await openTab(), "1", VIEWS);
  const some = (ids: string[], at: number) => ids.map((id) => told(id, at, { a: 1 }));
  const all = () => ["t1", "t2", "t3"].map((id) => shownOf(tab, id) !== undefined);
  await tab.side.page(0, snapshot(5, some(["t1", "t2"], 5)), true);
  await tab.side.page(1, snapshot(6, some(["t2", "t3"], 6)), true);
  expect(all()).toEqual([true, true, true]);
  await tab.side.page(0, page([unscoped("t2", 7)], 7), false);
  expect(all(), "the other view shows it").toEqual([true, true, true]);
  await tab.side.page(1, page([unscoped("t2", 8)], 8), false);
  expect(all()).toEqual([true, false, true]);
  // One view begins anew and does not show its record any more.
  await tab.side.page(1, snapshot(9, some(["t2"], 9)), true);
  expect(all()).toEqual([true, true, false]);
  // Both begin anew: until both are through nothing is dropped.
  await lead(tab, "2", VIEWS.slice(0, 1));
  await lead(tab, "3", VIEWS);
  await tab.side.page(0, snapshot(10, some(["t3"], 10)), true);
  expect(all()).toEqual([true, true, true]);
  await tab.side.page(1, snapshot(10, some(["t2"], 10)), true);
  expect(all()).toEqual([false, true, true]);
  await lead(tab, "4", VIEWS.slice(1));
  await tab.side.page(0, snapshot(11, some(["t2"], 11)), true);
  expect(all()).toEqual([false, true, false]);
});

it("what only a result has told stays until every view has come so far", async () => {
  const tab = await lead(await openTab(), "1", VIEWS);
  await tab.side.page(0, snapshot(3, []), true);
  const [one] = (await make(tab, "t1", (r) => r.set("/a", 1))) as [number];
  const [two] = (await make(tab, "t2", (r) => r.set("/a", 1))) as [number];
  await settle(tab, one, 20, { status: "merged", record: { a: 1 } });
  await settle(tab, two, 21, { status: "merged", record: { a: 1 } });
  const all = () => ["t1", "t2"].map((id) => shownOf(tab, id) !== undefined);
  await tab.side.page(1, snapshot(37, []), true);
  expect(all(), "the first view stands before them").toEqual([true, true]);
  await tab.side.page(0, page([told("t1", 20, { a: 1 })], 20), false);
  expect(all()).toEqual([true, true]);
  await tab.side.page(0, page([], 40), false);
  expect(all(), "no view shows the other one").toEqual([true, false]);
});

it("edits of a text are read against what their writer saw", async () => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 1, { n: "abc" })], 1), false);
  const [one] = (await make(tab, "t1", (r) => r.changeText("/n", "abcX"))) as [number];
  tab.side.noteHanded(one);
  // Somebody else types in front meanwhile.
  await tab.side.page(0, page([told("t1", 2, { n: "ZZabc", t: 1 })], 2), false);
  expect(shownOf(tab, "t1")).toEqual({ n: "abcX", t: 1 });
  await make(tab, "t1", (r) => r.changeText("/n", "abcXY").set("/t", 2));
  expect([...basesOf(tab)].sort()).toEqual(["t1", "t1", "t2"]);
  const typed = tab.side.waiting(one, 10).find(({ operation }) => operation.text);
  expect(typed?.operation).toMatchObject({ base: "t1" });
  expect(typed?.operation.after).toContain(one);
  // The hub answers the first: the others were never handed out, and are made anew.
  await settle(tab, one, 3, { status: "merged", record: { n: "ZZabcX", t: 1 } });
  expect(shownOf(tab, "t1")).toEqual({ n: "ZZabcXY", t: 2 });
  const anew = tab.side.waiting(0, 10).find(({ operation }) => operation.text)?.operation;
  expect(anew?.base).toBe("t3");
  expect(applyEdit("ZZabcX", anew?.text?.["/n"] ?? [])).toBe("ZZabcXY");
});

it.each([
  ["a word typed before one that is deleted", "a-1 ", "a-1 a-3 a-2 ", false],
  ["a word in the place of a deleted one", "a-1 ", "a-1 a-3 ", false],
  ["typed into what others change", "a-1 b a-2 ", "a-3 a-2 a-4 ", false],
  ["typed at the end", "a-1 a-2 b ", "a-3 a-2 ", true],
  ["deleted before what others typed", "a-2 ", "a-1 a-2 b ", true],
])("an edit in the midst of what others changed stays as it is: %s", async (_, own, others, isAnew) => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 1, { n: "a-1 a-2 " })], 1), false);
  await make(tab, "t1", (r) => r.changeText("/n", own));
  const [before] = tab.side.waiting(0, 10);
  await tab.side.page(0, page([told("t1", 2, { n: others })], 2), false);
  const [after] = tab.side.waiting(0, 10);
  expect(after?.operation.base).toBe(isAnew ? "t2" : "t1");
  if (!isAnew) expect(after?.operation).toEqual(before?.operation);
});

it("a refused edit of a text is made anew for the text of now", async () => {
  const tab = await leading();
  await tab.side.page(0, page([told("t1", 1, { n: "abc" })], 1), false);
  const [one] = (await make(tab, "t1", (r) => r.changeText("/n", "abcX"))) as [number];
  await settle(tab, one, 0, REJECTED);
  await tab.side.page(0, page([told("t1", 2, { n: "ZZabc" })], 2), false);
  expect(shownOf(tab, "t1")).toEqual({ n: "ZZabc" });
  await retryIn(tab, one);
  expect(shownOf(tab, "t1")).toEqual({ n: "ZZabcX" });
});

it("a short token of a change has the details of what is held", async () => {
  const tab = await leading();
  const takeIn = async (id: string, position: number, version: string) => {
    const { isUnfit } = await tab.side.page(0, page([{ ...told(id, position, { title: "Call back" }), version }], position), false);
    return [isUnfit, tab.store.state.find("tasks", id)?.token];
  };
  expect(await takeIn("t1", 1, "AA~BB")).toEqual([false, "AA~BB"]);
  expect(await takeIn("t1", 2, "~CC")).toEqual([false, "AA~CC"]);
  expect(await takeIn("t1", 3, "DD~EE")).toEqual([false, "DD~EE"]);
  expect(await takeIn("t2", 4, "~CC"), "something was lost: all is read again").toEqual([true, undefined]);
});

it("a resent edit of a text says which text it was made for, and the texts of what follows it, too", async () => {
  const tab = await leading();
  await tab.side.greet(welcome(INCARNATION, { backed_up: 0 }));
  await tab.side.page(0, page([told("t1", 1, { n: "one two three" })], 1), false);
  const [one] = (await make(tab, "t1", (r) => r.changeText("/n", "one three"))) as [number];
  await settle(tab, one, 2, {}, 0);
  await make(tab, "t1", (r) => r.changeText("/n", "one three four"));
  await tab.side.greet(welcome(NEXT_LIFE, { backed_up: 0, floor: 0 }));
  const edits = tab.side.waiting(0, 10).map(({ operation }) => operation.text?.["/n"]?.[0]);
  expect(edits).toEqual([{ of: expect.stringMatching(/^[\da-f]{16}$/) }, { of: expect.stringMatching(/^[\da-f]{16}$/) }]);
  expect(shownOf(tab, "t1")).toEqual({ n: "one three four" });
  await edit(tab, "t1", { text: { "/n": [14, "!"] } }, { "/n": "one three four" });
  expect(tab.side.waiting(0, 10).at(-1)?.operation.text?.["/n"]?.[0]).toHaveProperty("of");
});
