import { describe, expect, test } from "vitest";
import { SynclineError } from "../../src/error.js";
import { bindText, type BindOptions } from "../../src/text/index.js";
import { oneOf, randomFrom } from "../random.js";
import { randomText } from "./random-text.js";
import { FakeField, Relay } from "./relay.js";
import { fakeClient } from "../fake-client.js";

const PLACE = { entity: "notes", id: "n1", path: "/body" };
/** What promises bring about has come about. */
const settle = () => new Promise((done) => setImmediate(done));

/** Somebody at a text field. */
function seat(relay: Relay, options: BindOptions = {}, field = new FakeField()) {
  const peer = relay.connect();
  let nowMs = 0;
  const binding = bindText(peer.client, PLACE, field, { now: () => nowMs, ...options });
  return { peer, field, binding, pause: (ms = 5_000) => void (nowMs += ms) };
}

function two(text?: string) {
  const relay = new Relay(text);
  return { relay, a: seat(relay), b: seat(relay) };
}

describe("a text field that is bound", () => {
  test("shows the text, and what is typed becomes the smallest edit", async () => {
    const { a } = two("so 😀!");
    expect(a.field.value).toBe("so 😀!");
    a.field.select("😀");
    a.field.type("😁");
    expect(a.peer.made).toEqual([[4, "😁", 1]]);
    a.field.setSelectionRange(0, 2);
    a.field.type("");
    expect(a.peer.made.at(-1)).toEqual([-2, 4]);
  });

  test("begins a text where there is none", async () => {
    const { relay, a, b } = two();
    a.field.type("h");
    await settle();
    a.field.type("i");
    relay.settle();
    expect([a.field.value, b.field.value, relay.text]).toEqual(["hi", "hi", "hi"]);
  });

  test("shows what others type, around the cursor", async () => {
    const { relay, a, b } = two("one three");
    a.field.select("one ", "three");
    a.field.setSelectionRange(4, 9, "backward");
    b.field.select("one ");
    b.field.type("😀 two ");
    b.field.select("three");
    b.field.type(" four");
    relay.settle();
    expect(a.field.marked).toBe("one 😀 two |three| four");
    expect(a.field.selectionDirection).toBe("backward");
  });

  test("keeps what both type at the same time", async () => {
    const { relay, a, b } = two("ab");
    a.field.select("a");
    b.field.select("a");
    a.field.type("1");
    b.field.type("2");
    relay.settle();
    await settle();
    expect(a.field.value).toBe(b.field.value);
    expect([...a.field.value].sort().join("")).toBe("12ab");
    expect(a.field.marked.replace(/2/, "")).toBe("a1|b");
    expect(b.field.marked.replace(/1/, "")).toBe("a2|b");
  });

  test("is left alone while an input method composes, and takes all in when that is done", async () => {
    const { relay, a, b } = two("x y");
    a.field.select("x");
    a.field.say("compositionstart");
    a.field.put("に");
    a.field.say("input");
    b.field.select("x y");
    b.field.type("!");
    b.field.setSelectionRange(0, 0);
    b.field.type("> ");
    relay.settle();
    expect([a.field.marked, a.peer.made]).toEqual(["xに| y", []]);
    a.field.setSelectionRange(1, 2);
    a.field.put("日本");
    a.field.say("compositionend");
    await settle();
    relay.settle();
    expect(a.field.marked).toBe("> x日本| y!");
    expect(b.field.value).toBe("> x日本 y!");
    expect(a.peer.made).toEqual([[3, "日本", 3]]);
  });

  test("ends composing when it is left", async () => {
    const { relay, a, b } = two("x");
    a.field.say("compositionstart");
    b.field.select("x");
    b.field.type("y");
    relay.settle();
    expect(a.field.value).toBe("x");
    a.field.say("blur");
    expect(a.field.value).toBe("xy");
  });

  test("sets no selection while somebody is elsewhere", async () => {
    const { relay, a, b } = two("x");
    a.field.ownerDocument.activeElement = undefined;
    a.field.setSelectionRange(0, 0);
    b.field.select("x");
    b.field.type("y");
    let isSet = false;
    a.field.setSelectionRange = () => (isSet = true);
    relay.settle();
    expect([a.field.value, isSet]).toEqual(["xy", false]);
  });

  test("keeps line ends that a textarea does not show", async () => {
    const relay = new Relay("one\r\ntwo\r\n");
    const a = seat(relay, {}, new FakeField((text) => text.replace(/\r\n?/g, "\n")));
    const b = seat(relay);
    expect([a.field.value, a.peer.made]).toEqual(["one\ntwo\n", []]);
    a.field.select("two");
    a.field.type("!\n");
    await settle();
    relay.settle();
    expect(b.field.value).toBe("one\r\ntwo!\r\n\r\n");
    a.field.setSelectionRange(3, 4);
    a.field.type("");
    b.field.setSelectionRange(0, 0);
    b.field.type("😀 ");
    await settle();
    relay.settle();
    expect([a.field.marked, relay.text]).toEqual(["😀 one|two!\n\n", "😀 onetwo!\r\n\r\n"]);
  });

  test("keeps line ends that a field of one line drops", async () => {
    const relay = new Relay("a\nb\r\nc");
    const a = seat(relay, {}, new FakeField((text) => text.replace(/[\r\n]/g, "")));
    a.field.select("b");
    a.field.type("!");
    relay.settle();
    expect(relay.text).toBe("a\nb!\r\nc");
    expect(a.field.marked).toBe("ab!|c");
  });

  test("says half a character as what stands for an unreadable one", async () => {
    const { relay, a } = two("ab");
    a.field.select("a");
    a.field.type("\ud83d");
    relay.settle();
    expect([relay.text, a.field.marked]).toEqual(["a\ufffdb", "a\ufffd|b"]);
  });

  test("keeps what was typed where the client does not take it, and gives it with the next edit", async () => {
    const relay = new Relay("x");
    const problems: string[] = [];
    const a = seat(relay, { onProblem: (error) => problems.push(error.code) });
    const b = seat(relay);
    a.field.select("x");
    a.peer.failure = new SynclineError("CLIENT_QUEUE_FULL", "full");
    a.field.type("1");
    await settle();
    expect([a.field.value, a.peer.shown, problems]).toEqual(["x1", "x", ["CLIENT_QUEUE_FULL"]]);
    const made = a.peer.made.length;
    b.field.setSelectionRange(0, 0);
    b.field.type(">");
    relay.settle();
    await settle();
    expect(a.peer.made.length).toBe(made);
    a.field.type("2");
    await settle();
    relay.settle();
    expect([a.field.value, b.field.value]).toEqual([">x12", ">x12"]);
  });

  test("keeps what is typed while the client shows an edit only later", async () => {
    const { relay, a, b } = two("x");
    a.peer.isSlow = true;
    a.field.select("x");
    for (const letter of "typed fast") {
      a.field.type(letter);
      expect(a.field.value.endsWith(letter)).toBe(true);
      if (letter === "d") {
        b.field.setSelectionRange(0, 0);
        b.field.type("> ");
        relay.settle();
      }
    }
    a.binding.close();
    for (let round = 0; round < 5; round += 1) await settle();
    relay.settle();
    await settle();
    expect([b.field.value, a.peer.shown, a.field.listening, a.peer.listening]).toEqual(["> xtyped fast", "> xtyped fast", 0, 0]);
  });

  test("does not make an edit that fails in a loop", async () => {
    const relay = new Relay("x");
    let problems = 0;
    const a = seat(relay, { onProblem: () => (problems += 1) });
    Object.defineProperty(a.peer, "failure", { get: () => new SynclineError("CLIENT_STORE_FULL", "full"), set: () => {} });
    a.field.type("1");
    for (let round = 0; round < 20; round += 1) await settle();
    expect(problems).toBe(1);
  });

  test("takes over nothing from a text that is gone, and goes on if it comes back", async () => {
    const relay = new Relay("abc");
    let gone = 0;
    const a = seat(relay, { onGone: () => (gone += 1) });
    a.peer.show(undefined);
    a.peer.show(undefined);
    a.field.select("abc");
    a.field.type("d");
    expect([a.field.value, a.peer.made, gone]).toEqual(["abcd", [], 1]);
    a.peer.show("ab");
    await settle();
    expect([a.field.value, a.peer.shown]).toEqual(["abd", "abd"]);
  });

  test("is refused where there is something else than a text", () => {
    const client = fakeClient({ get: () => ({ entity: "notes", id: "n1", value: { body: 7 }, pending: false, conflicts: [] }) as never });
    expect(() => bindText(client, PLACE, new FakeField())).toThrow(SynclineError);
  });

  test("lets go of everything when it is closed, and takes up what was typed before", () => {
    const { relay, a } = two("x");
    a.field.select("x");
    a.field.put("y");
    a.binding.close();
    a.binding.close();
    relay.settle();
    expect([relay.text, a.field.listening, a.peer.listening]).toEqual(["xy", 0, 0]);
  });

  test("works for what is no text field of the platform", () => {
    const relay = new Relay("ab");
    const peer = relay.connect();
    let shown = { text: "", start: 0, end: 0 };
    const binding = bindText(peer.client, PLACE, { read: () => shown, write: (next) => (shown = next) });
    shown = { text: "a!b", start: 2, end: 2 };
    binding.changed();
    expect(peer.made).toEqual([[1, "!", 1]]);
    binding.close();
  });
});

describe("undo", () => {
  test("takes back what was typed here, and nothing of others", async () => {
    const { relay, a, b } = two("base");
    a.field.select("base");
    for (const letter of " mine") a.field.type(letter);
    relay.settle();
    b.field.select("ba");
    b.field.type("THEIRS");
    b.field.select("mi");
    b.field.type("😀");
    await settle();
    relay.settle();
    expect(a.field.value).toBe("baTHEIRSse mi😀ne");
    expect(a.binding.undo()).toBe(true);
    await settle();
    relay.settle();
    expect([a.field.marked, b.field.value]).toEqual(["baTHEIRSse😀|", "baTHEIRSse😀"]);
    expect([a.binding.canUndo(), a.binding.undo(), a.binding.canRedo()]).toEqual([false, false, true]);
    expect(a.binding.redo()).toBe(true);
    await settle();
    relay.settle();
    expect([a.field.value, b.field.value]).toEqual(["baTHEIRSse mi😀ne", "baTHEIRSse mi😀ne"]);
  });

  test("takes back step by step where there was a pause, or somewhere else", async () => {
    const { a } = two("");
    for (const letter of "one") a.field.type(letter);
    a.pause();
    for (const letter of " two") a.field.type(letter);
    a.field.setSelectionRange(0, 0);
    a.field.type("> ");
    expect(a.field.value).toBe("> one two");
    a.binding.undo();
    expect(a.field.marked).toBe("|one two");
    a.binding.undo();
    expect(a.field.marked).toBe("one|");
    a.binding.undo();
    expect(a.field.value).toBe("");
  });

  test("takes back deleting as one step", () => {
    const { a } = two("abc😀");
    a.field.setSelectionRange(5, 5);
    for (const width of [2, 1, 1]) {
      const end = a.field.selectionEnd ?? 0;
      a.field.setSelectionRange(end - width, end);
      a.field.type("");
    }
    expect(a.field.value).toBe("a");
    a.binding.undo();
    expect(a.field.marked).toBe("abc😀|");
  });

  test("is what the keys for it and the platform's menu do", () => {
    const { a } = two("x");
    a.field.select("x");
    a.field.type("y");
    expect(a.field.say("keydown", { key: "z" })).toBe(false);
    expect(a.field.say("keydown", { key: "z", ctrlKey: true })).toBe(true);
    expect(a.field.value).toBe("x");
    a.field.say("keydown", { key: "Z", metaKey: true, shiftKey: true });
    expect(a.field.value).toBe("xy");
    expect(a.field.say("beforeinput", { inputType: "historyUndo" })).toBe(true);
    expect(a.field.value).toBe("x");
    a.field.say("keydown", { key: "y", ctrlKey: true });
    expect(a.field.value).toBe("xy");
    expect(a.field.say("beforeinput", { inputType: "insertText" })).toBe(false);
  });

  test("cannot bring back what was typed over", () => {
    const { a } = two("");
    a.field.type("a");
    a.binding.undo();
    a.field.type("b");
    expect(a.binding.redo()).toBe(false);
  });
});

/** What people do at a text field. */
function act(random: () => number, { field, binding, pause }: ReturnType<typeof seat>): void {
  const place = () => Math.floor(random() * (field.value.length + 1));
  oneOf(random, [
    () => field.type(randomText(random, 3)),
    () => field.type(randomText(random, 2)),
    () => field.put(randomText(random, 2)),
    () => {
      field.setSelectionRange(Math.min(place(), place()), place());
      if ((field.selectionStart ?? 0) > (field.selectionEnd ?? 0)) field.setSelectionRange(0, field.selectionEnd ?? 0);
      avoidHalves(field);
    },
    () => {
      field.setSelectionRange(place(), place());
      avoidHalves(field);
      field.type("");
    },
    () => field.say("compositionstart"),
    () => field.say("compositionend"),
    () => void binding.undo(),
    () => void binding.redo(),
    () => pause(),
  ])();
}

/** A person's cursor is never within a character. */
function avoidHalves(field: FakeField): void {
  const whole = (at: number) => (isWithin(field.value, at) ? at - 1 : at);
  const [start, end] = [whole(field.selectionStart ?? 0), whole(field.selectionEnd ?? 0)].sort((a, b) => a - b);
  field.setSelectionRange(start ?? 0, end ?? 0);
}

function isWithin(text: string, at: number): boolean {
  return /[\ud800-\udbff]$/.test(text.slice(0, at)) && /^[\udc00-\udfff]/.test(text.slice(at));
}

describe("people who type at random", () => {
  async function run(seed: number, people: number, first?: string): Promise<void> {
    const random = randomFrom(seed);
    const relay = new Relay(first);
    const seats = Array.from({ length: people }, () => seat(relay));
    for (let step = 0; step < 60; step += 1) {
      const here = oneOf(random, seats);
      oneOf(random, [() => act(random, here), () => act(random, here), () => here.peer.send(), () => here.peer.hear()])();
      if (random() < 0.3) await settle();
      for (const { field } of seats) {
        const isHalf = [field.selectionStart, field.selectionEnd].some((at) => isWithin(field.value, at ?? 0));
        if (isHalf) expect.fail(`seed ${seed}: a selection within a character at step ${step}`);
      }
    }
    for (const { field } of seats) {
      field.say("compositionend");
      field.say("input");
    }
    for (let rounds = 0; rounds < 3; rounds += 1) {
      relay.settle();
      await settle();
    }
    for (const { field, peer } of seats) {
      if (field.value !== relay.text || peer.shown !== relay.text) expect.fail(`seed ${seed}: ${JSON.stringify([field.value, peer.shown, relay.text])}`);
    }
  }

  test("end with the same text, two of them", async () => {
    for (let seed = 1; seed <= 250; seed += 1) await run(seed, 2, seed % 3 === 0 ? "" : randomText(randomFrom(seed), 20));
  });

  test("end with the same text, three of them", async () => {
    for (let seed = 1_001; seed <= 1_080; seed += 1) await run(seed, 3, "one two 😀 three");
  });

  test("can take back all of theirs, and leave what the other one typed", async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = randomFrom(seed);
      const relay = new Relay("");
      const [a, b] = [seat(relay), seat(relay)];
      for (let step = 0; step < 30; step += 1) {
        const [here, letters] = random() < 0.5 ? [a, ["A", "B", "😀"]] : [b, ["x", "y", "z"]];
        const at = Math.floor(random() * (here.field.value.length + 1));
        here.field.setSelectionRange(at, at);
        avoidHalves(here.field);
        here.field.type(oneOf(random, letters));
        if (random() < 0.5) here.pause();
        if (random() < 0.5) relay.settle();
        if (random() < 0.5) await settle();
      }
      await settle();
      relay.settle();
      const theirs = b.field.value.replace(/[AB😀]/gu, "");
      while (a.binding.undo());
      await settle();
      relay.settle();
      await settle();
      expect([a.field.value, b.field.value], `seed ${seed}`).toEqual([theirs, theirs]);
    }
  });
});
