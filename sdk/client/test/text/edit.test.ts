import { describe, expect, test } from "vitest";
import { applyEdit, composeEdits, createUndoSteps, endOfChange, invertEdit, isIdentity, movePosition, moveSelection, toCharacters, toUnits, transform, typedEdit, type TextEdit } from "../../src/text/index.js";
import { UNDO_CHARACTERS_MAX, UNDO_STEPS_MAX } from "../../src/text/limits.js";
import { changeOf } from "../../src/text/change.js";
import { lengthOf } from "../../src/protocol/text.js";
import { oneOf, randomFrom } from "../random.js";
import { randomEdit, randomText } from "./random-text.js";

const SEEDS = Array.from({ length: 300 }, (_, at) => at + 1);

describe("edits of texts", () => {
  test("are taken back by their inverse", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const text = randomText(random);
      const edit = randomEdit(random, text);
      const after = applyEdit(text, edit);
      expect(applyEdit(after ?? "", invertEdit(edit, text)), `seed ${seed}`).toBe(text);
    }
  });

  test("do in one what they do one after another", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const text = randomText(random);
      const first = randomEdit(random, text);
      const between = applyEdit(text, first) ?? "";
      const then = randomEdit(random, between);
      expect(applyEdit(text, composeEdits(first, then)), `seed ${seed}`).toBe(applyEdit(between, then));
    }
  });

  test("are not composed with those of another text", () => {
    expect(() => composeEdits([3], [4])).toThrow(RangeError);
    expect(() => composeEdits([3], [2])).toThrow(RangeError);
    expect(() => composeEdits([3, "ab"], [1, -3])).toThrow(RangeError);
  });

  test("meet in one text, whichever is first", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const text = randomText(random);
      const [a, b] = [randomEdit(random, text), randomEdit(random, text)];
      const [afterA, afterB] = [applyEdit(text, a) ?? "", applyEdit(text, b) ?? ""];
      expect(applyEdit(afterA, transform(b, a, false) ?? []), `seed ${seed}`).toBe(applyEdit(afterB, transform(a, b, true) ?? []));
    }
  });
});

describe("what was typed", () => {
  const rows: [name: string, before: string, after: string, edit: TextEdit][] = [
    ["nothing", "ab", "ab", [2]],
    ["nothing into nothing", "", "", []],
    ["a first character", "", "a|", ["a"]],
    ["the second of three alike", "aa", "aa|a", [1, "a", 1]],
    ["the first of three alike", "aa", "a|aa", ["a", 2]],
    ["a character dropped in front of the cursor", "aaab", "a|ab", [1, -1, 2]],
    ["a character put over another one", "abc", "ax|c", [1, "x", -1, 1]],
    ["an emoji", "a😀b", "a😀😀|b", [2, "😀", 1]],
    ["an emoji that shares its first half with the one before", "😀", "😁|", ["😁", -1]],
    ["an emoji that shares its second half with the one before", "\u{1f600}", "\u{1fa00}|", ["\u{1fa00}", -1]],
    ["a skin colour behind a hand", "👍", "👍🏽|", [1, "🏽"]],
    ["all of it dropped", "a😀", "|", [-2]],
  ];
  test.each(rows)("is %s", (_, before, marked, edit) => {
    const caret = marked.indexOf("|");
    const after = marked.replace("|", "");
    expect(typedEdit(before, after, caret < 0 ? after.length : caret)).toEqual(edit);
  });

  test("is compared by words where much was replaced", () => {
    const before = "The quick brown fox jumps over the lazy dog, and nobody knows why it does.";
    const after = before.replace("quick", "slow").replace("lazy", "sleepy").replace("knows", "asks");
    const kept = typedEdit(before, after, after.length).filter((part) => typeof part === "number" && part > 0);
    expect(kept.length).toBeGreaterThan(3);
  });

  test("gives what is in the field, whatever was there and wherever the cursor is", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const [before, after] = [randomText(random), randomText(random)];
      const caret = Math.floor(random() * (after.length + 4)) - 2;
      const edit = typedEdit(before, after, caret);
      expect(applyEdit(before, edit), `seed ${seed}`).toBe(after);
      expect(edit.every((part) => part !== 0 && part !== ""), `seed ${seed}`).toBe(true);
    }
  });
});

describe("what others did", () => {
  test("is found between any two texts", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const [before, after] = [randomText(random, 30), randomText(random, 30)];
      expect(applyEdit(before, changeOf(before, after)), `seed ${seed}`).toBe(after);
    }
  });

  test("drops nothing where they only put in", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const before = "one two three four 😀😁 five, six";
      const after = [...before].map((character) => (random() < 0.2 ? character + oneOf(random, ["x", "😀"]) : character)).join("");
      expect(changeOf(before, after).some((part) => typeof part === "number" && part < 0), `seed ${seed}`).toBe(false);
    }
  });

  test("is one word in place of another where they have little in common", () => {
    expect(changeOf("a quick fox", "a slow fox")).toEqual([2, "slow", -5, 4]);
  });
});

describe("a position", () => {
  const rows: [number, TextEdit, front: number, behind: number][] = [
    [2, [5], 2, 2],
    [2, ["xy", 5], 4, 4],
    [2, [2, "xy", 3], 2, 4],
    [2, [3, "xy", 2], 2, 2],
    [2, [-5], 0, 0],
    [2, [1, -3, 1], 1, 1],
    [2, [1, "x", -3, 1], 2, 2],
    [4, [1, -3, "x", 1], 1, 2],
    [0, ["x"], 0, 1],
    [5, [5, "x"], 5, 6],
    [1, ["😀😀", 5], 3, 3],
  ];
  test.each(rows)("%i moves over %j", (position, edit, front, behind) => {
    expect([movePosition(position, edit, "front"), movePosition(position, edit, "behind")]).toEqual([front, behind]);
  });

  test("stays in the text and in order", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const text = randomText(random);
      const edit = randomEdit(random, text);
      const length = lengthOf(applyEdit(text, edit) ?? "");
      let last = 0;
      for (let position = 0; position <= lengthOf(text); position += 1) {
        for (const moved of [movePosition(position, edit, "front"), movePosition(position, edit, "behind")]) {
          expect(moved, `seed ${seed}`).toBeGreaterThanOrEqual(last);
          expect(moved, `seed ${seed}`).toBeLessThanOrEqual(length);
          last = moved;
        }
      }
    }
  });

  test("in UTF-16 units is one in characters and back, and never within a character", () => {
    for (const seed of SEEDS) {
      const text = randomText(randomFrom(seed));
      for (let units = 0; units <= text.length + 1; units += 1) {
        const back = toUnits(text, toCharacters(text, units));
        expect(back, `seed ${seed}`).toBeLessThanOrEqual(units);
        expect(units - back, `seed ${seed}`).toBeLessThanOrEqual(1);
        expect(/[\ud800-\udbff]$/.test(text.slice(0, back)) && /^[\udc00-\udfff]/.test(text.slice(back)), `seed ${seed}`).toBe(false);
      }
    }
  });
});

describe("a selection", () => {
  test("takes in nothing at its edges, and keeps what is within", () => {
    expect(moveSelection({ start: 1, end: 3 }, [1, "x", 2, "y", 1])).toEqual({ start: 2, end: 4 });
    expect(moveSelection({ start: 1, end: 3 }, [2, "x", 2])).toEqual({ start: 1, end: 4 });
    expect(moveSelection({ start: 1, end: 3 }, [1, "x", -2, 1])).toEqual({ start: 2, end: 2 });
  });

  test("that is a cursor stays one, in front of what comes there", () => {
    expect(moveSelection({ start: 2, end: 2 }, [2, "xyz", 2])).toEqual({ start: 2, end: 2 });
  });
});

describe("the steps that can be undone", () => {
  test("are moved over what others do, and take back nothing of theirs", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const steps = createUndoSteps();
      const mine = (text: string) => [...text].map((_, at) => String.fromCodePoint(0x41 + (at % 26))).join("");
      let text = "";
      // Each types in letters of its own.
      for (let round = 0; round < 12; round += 1) {
        const isMine = random() < 0.5;
        const at = Math.floor(random() * (lengthOf(text) + 1));
        const edit: TextEdit = [at, isMine ? mine("xyz") : "abc", lengthOf(text) - at].filter((part) => part !== 0);
        if (isMine) steps.push(invertEdit(edit, text), false);
        else steps.moveOver(edit);
        text = applyEdit(text, edit) ?? "";
      }
      const theirs = text.replace(/[A-Z]/g, "");
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) text = applyEdit(text, step) ?? expect.fail(`seed ${seed}: does not fit`);
      expect(text, `seed ${seed}`).toBe(theirs);
    }
  });

  test("that others have made void are skipped", () => {
    const steps = createUndoSteps();
    steps.push([-2], false);
    steps.moveOver([-2, "other"]);
    expect(steps.isEmpty).toBe(true);
    expect(steps.pop()).toBeUndefined();
  });

  test("are at most so many, and the oldest go first", () => {
    const steps = createUndoSteps();
    for (let at = 0; at < UNDO_STEPS_MAX + 20; at += 1) steps.push([at, -1], false);
    let popped = 0;
    let last: TextEdit | undefined;
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      popped += 1;
      last = step;
    }
    expect([popped, last]).toEqual([UNDO_STEPS_MAX, [20, -1]]);
  });

  test("hold a bounded number of characters, and the last one however long it is", () => {
    const steps = createUndoSteps();
    const long = "x".repeat(UNDO_CHARACTERS_MAX);
    steps.push(["short"], false);
    steps.push([long], false);
    expect(steps.pop()).toEqual([long]);
    expect(steps.pop()).toBeUndefined();
  });

  test("join where typing goes on", () => {
    const steps = createUndoSteps();
    steps.push([3, -1], false);
    steps.push([4, -1], true);
    expect(steps.pop()).toEqual([3, -2]);
    expect(steps.isEmpty).toBe(true);
  });
});

test("an edit ends where its last change does, and one that changes nothing is none", () => {
  expect([endOfChange([2, "ab", -3, 4]), endOfChange([2, -1, 1, "x", 4]), endOfChange([2, -1, 4]), endOfChange([7])]).toEqual([4, 4, 2, 0]);
  expect([isIdentity([]), isIdentity([4]), isIdentity([4, "x"]), isIdentity([-1])]).toEqual([true, true, false, false]);
});
