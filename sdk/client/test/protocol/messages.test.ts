import { expect, test } from "vitest";
import { SynclineError } from "../../src/error.js";
import { parse, parseStrictly } from "../../src/json/parse.js";
import { Decimal, type Json, type JsonObject } from "../../src/json/value.js";
import { write } from "../../src/json/write.js";
import { CompactReader, CompactWriter } from "../../src/protocol/compact.js";
import { placeOf } from "../../src/protocol/cursor.js";
import { readPage, readProblem, readPushAnswer, writePush } from "../../src/protocol/long.js";
import type { ClientMessage, HubMessage } from "../../src/protocol/message.js";
import type { Operation } from "../../src/protocol/operation.js";
import { fixture, fixtureNames } from "../fixture.js";
import { oneOf, randomFrom } from "../random.js";

const INCARNATION = "0123456789abcdef0123456789abcdef";
const names = fixtureNames("protocol/v1/messages");
const forms = (prefix: string): readonly string[] =>
  names.filter((name) => name.startsWith(prefix) && name.endsWith(".json")).map((name) => name.slice(0, -5));
const long = (name: string): JsonObject => parse(fixture(`protocol/v1/messages/${name}.json`)) as JsonObject;
const compact = (name: string): readonly string[] => fixture(`protocol/v1/messages/${name}.compact.jsonl`).trimEnd().split("\n");

/** Digits that say nothing are not kept: `1.10` is `1.1` to this client. Everything else is the same, byte for byte. */
function withoutIdleDigits(text: string): string {
  return text.replaceAll("1.10", "1.1").replaceAll("1.0]", "1]").replaceAll("8.0}", "8}");
}

/** Returns a message with its cursor as a client spells it out in whose connection it is a number. */
function withSpeltCursor(message: JsonObject): JsonObject {
  const spell = (cursor: Json | undefined): Json => {
    const place = placeOf(cursor as string);
    const isPlain = place && place.incarnation === INCARNATION && !/[.~]/.test(cursor as string);
    return isPlain ? `${INCARNATION}:${place.position}` : (cursor as string);
  };
  const inner = (value: Json): Json => {
    const object = value as JsonObject;
    return typeof value === "object" && value !== null && "cursor" in object ? { ...object, cursor: spell(object["cursor"]) } : value;
  };
  return inner(Object.fromEntries(Object.entries(message).map(([name, value]) => [name, name === "hello" ? value : inner(value)]))) as JsonObject;
}

test("there are messages of every kind", () => {
  expect([forms("client-").length, forms("hub-").length, forms("body-").length]).toEqual([17, 15, 5]);
});

for (const name of forms("client-")) {
  test(`what a client says is written byte for byte: ${name}`, () => {
    const writer = new CompactWriter();
    writer.incarnation = INCARNATION;
    const message = withSpeltCursor(long(name)) as unknown as ClientMessage;
    expect(writer.write(message)).toEqual(compact(name).map(withoutIdleDigits));
    expect(write(parse(fixture(`protocol/v1/messages/${name}.json`)))).toBe(withoutIdleDigits(fixture(`protocol/v1/messages/${name}.json`)));
  });
}

for (const name of forms("hub-")) {
  test(`what a hub says is the same in both forms: ${name}`, () => {
    const reader = new CompactReader();
    reader.read(compact("hub-welcome")[0] ?? "");
    const read = compact(name).map((line) => reader.read(line));
    expect(read.slice(0, -1).every((message) => message === undefined)).toBe(true);
    expect(read.at(-1)).toEqual(withSpeltCursor(long(name)));
  });
}

test("bodies are what they are in the long form", () => {
  const text = (name: string): string => fixture(`protocol/v1/messages/${name}.json`);
  const push = long("body-push");
  expect(writePush(push["client"] as string, push["ops"] as unknown as readonly Operation[])).toBe(text("body-push"));
  for (const name of ["body-push-answer", "body-push-answer-of-a-hub-that-is-backed-up"]) {
    expect(write(readPushAnswer(text(name)))).toBe(withoutIdleDigits(text(name)));
  }
  expect(write(readPage(text("body-page")))).toBe(text("body-page"));
  expect(write(readProblem(text("body-problem")))).toBe(text("body-problem"));
  const snapshot = long("hub-changes-of-a-snapshot-with-what-is-the-same");
  const { view, ...page } = snapshot;
  expect(view).toBe(0);
  expect(readPage(write(page))).toEqual(page);
  expect(readPage('{"changes":[],"cursor":"AQ","more":false,"equal":true}').equal).toBe(true);
});

test("a change that says that the record is nothing is refused: one that is gone says so", () => {
  const page = (content: string): string => `{"changes":[{"entity":"e","id":"i","position":1,"version":"AQ",${content}}],"cursor":"AQ","more":false}`;
  expect(readPage(page('"gone":"deleted"')).changes).toHaveLength(1);
  for (const content of ['"record":null', '"gone":"lost"', '"set":[]', '"delta":[]', '"text":{"/a":"x"}']) {
    expect(() => readPage(page(content)), content).toThrow(SynclineError);
  }
});

test("a problem says whether it may pass, and keeps what it says to people", () => {
  const problem = readProblem('{"type":"/problems/X","title":"t","status":503,"code":"X","detail":"d"}');
  expect(problem).toEqual({ type: "/problems/X", title: "t", status: 503, code: "X", detail: "d", retryable: false });
});

const OPERATION: Operation = { op: 1, entity: "tasks", id: "t1", base: "AA~BB", set: { "/a": 1 }, at: "2026-11-20T10:00:00.000Z" };

test("a name is told once, and later messages go on with its index", () => {
  const writer = new CompactWriter();
  expect(writer.write({ push: [OPERATION] })[0]).toBe('["n",0,["tasks","/a"]]');
  expect(writer.write({ push: [{ ...OPERATION, op: 2, set: { "/a": 1, "/b": 2 } }] })).toEqual([
    '["n",2,["/b"]]',
    '["p",[[2,0,"t1","~BB",1795168800000,[["=",1,1],["=",2,2]]]]]',
  ]);
  expect(writer.write({ push: [{ ...OPERATION, op: 3 }] })).toHaveLength(1);
});

test("an operation that is said again has its base in full", () => {
  const writer = new CompactWriter();
  const base = (operation: Operation): Json => (parse(writer.write({ push: [operation] }).at(-1) ?? "") as Json[][][])[1]?.[0]?.[3] as Json;
  expect([base(OPERATION), base(OPERATION), base({ ...OPERATION, op: 2 }), base(OPERATION)]).toEqual(["~BB", "AA~BB", "~BB", "AA~BB"]);
});

test("a name that is too long, and those beyond the bound, stand as themselves", () => {
  const writer = new CompactWriter();
  const set = (path: string): Operation => ({ ...OPERATION, set: { [path]: 1 } });
  expect(writer.write({ push: [set(`/${"é".repeat(127)}`), set(`/${"é".repeat(128)}`)] })[0]).not.toContain("é".repeat(128));
  const many = Array.from({ length: 4_100 }, (_, index) => set(`/p${index}`));
  const [introduction, push] = writer.write({ push: many });
  expect((parse(introduction ?? "") as Json[][])[2]).toHaveLength(4_096 - 2);
  expect(push).toContain('["=","/p4099",1]');
  expect(writer.write({ push: many })).toHaveLength(1);
});

test("a cursor is short only where it is one of this life of the hub", () => {
  const writer = new CompactWriter();
  const ack = (cursor: string): string | undefined => writer.write({ ack: { view: 0, cursor } }).at(-1);
  expect(ack(`${INCARNATION}:812`)).toBe(`["a",0,"${INCARNATION}:812"]`);
  writer.incarnation = INCARNATION;
  expect(ack(`${INCARNATION}:812`)).toBe('["a",0,812]');
  expect(ack(`${INCARNATION.replace("0", "1")}:812`)).toBe(`["a",0,"${INCARNATION.replace("0", "1")}:812"]`);
  expect(ack("AQEjRWeJq83vASNFZ4mrze8BAKwG4Q76cQ~YSBzY29wZSE")).toContain("~");
});

const MALFORMED = [
  "", "{}", "[]", "null", '["?"]', '["n"', '["n",0,["a"],0,["b"]]', '["n",4096,["a"]]', '["n",-1,["a"]]', '["n",0.5,["a"]]', '["n",0,[1]]', '["n",0]',
  '["c",0,[[9,"t1","AQ",1,{}]],5]', '["c",0,[["e","","AQ",1,{}]],5]', '["c",0,[["e","t","",1,{}]],5]', '["c",0,[["e","t","AQ~B~C",1,{}]],5]',
  '["c",0,[["e","t","AQ",-1,{}]],5]', '["c",0,[["e","t","AQ",1,3]],5]', '["c",0,[["e","t","AQ",1,[["?","/a",1]]]],5]', '["c",0,[["e","t","AQ",1,[["=","a",1]]]],5]',
  '["c",0,[["e","t","AQ",1,[["=","/a"]]]],5]', '["c",0,[["e","t","AQ",1,[["t","/a",[1.5]]]]],5]', '["c",0,[["e","t","AQ",1,[["t","/a",[1,{"of":"8ab63e29a4ba14e4"}]]]]],5]',
  '["c",0,[["e","t","AQ",1,[["-","/~2"]]]],5]', '["c",0,[["e","t","AQ",1,{},{"conflicts":[{"id":"x"}]}]],5]', '["c",0,[],-5]', '["c",0,[],""]', '["c",0,[],5,8.5]',
  '["c",0,[],5,0,[1,[[0,4294967295]]]]', '["c",0,[],5,0,[1]]', '["r",[[0,0]],1]', '["r",[[1,7,0,0]],1]', '["r",[[1,0,"AQ",0]],1]', '["r",[[1,0,0,0,[]]],1]',
  '["r",[[1,0,"AQ",1,{"set":{"a":1}}]],1]', '["r",[[1,0,"AQ",1,{"problem":{"code":1}}]],1]', '["r",{},1]', '["w",{}]', '["e",{}]', '["e"]', '["b"]', '["k",0,5]', '["y","0"]',
  '["k",0,5,"E6b3e8d272b2f947161d003d00bc5f5b"]', "[[[[[[[[[[1e400",
];

test("a message that is malformed is refused as that", () => {
  for (const text of MALFORMED) {
    const reader = new CompactReader();
    reader.read(compact("hub-welcome")[0] ?? "");
    expect(() => reader.read(text), text).toThrow(expect.objectContaining({ code: "MESSAGE_MALFORMED" }));
  }
  expect(() => new CompactReader().read('["c",0,[],5]')).toThrow(SynclineError);
});

test("names of objects in JavaScript are names like any other", () => {
  const reader = new CompactReader();
  const change = '[["__proto__","constructor","AQ",1,[["=","/__proto__/a",1],["=","/toString",{"__proto__":2}]]]]';
  expect(write(reader.read(`["c",0,${change},"AQ"]`))).toContain('"set":{"/__proto__/a":1,"/toString":{"__proto__":2}}');
  expect(() => reader.read('["c",0,[["e","t","AQ",1,[["=","__proto__",{"a":1}]]]],"AQ"]')).toThrow(SynclineError);
  expect(({} as { a?: number }).a).toBeUndefined();
});

/** Returns a message of which something was cut out, doubled, or made into something else. */
function spoilt(random: () => number, value: Json): Json {
  if (random() < 0.05) return oneOf<Json>(random, [null, 0, -1, 1.5, "", "~", "/a", true, [], {}, new Decimal("9223372036854775808"), { id: 1 }]);
  if (Array.isArray(value)) {
    const spoiltValues = value.map((inner: Json) => spoilt(random, inner));
    if (random() < 0.05) spoiltValues.splice(Math.floor(random() * (spoiltValues.length + 1)), Math.floor(random() * 2), ...spoiltValues.slice(0, 1));
    return spoiltValues;
  }
  if (typeof value === "object" && value !== null && !(value instanceof Decimal)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [random() < 0.02 ? "x" : name, spoilt(random, inner as Json)]));
  }
  return value;
}

test("whatever a hub says, it is read or refused, and never anything else", () => {
  const random = randomFrom(11);
  const messages = forms("hub-").map(compact);
  let [read, refused] = [0, 0];
  for (let round = 0; round < 5_000; round++) {
    const reader = new CompactReader();
    try {
      reader.read(compact("hub-welcome")[0] ?? "");
      for (const line of oneOf(random, messages)) {
        let text = random() < 0.8 ? write(spoilt(random, parse(line))) : line;
        if (random() < 0.1) text = text.slice(0, Math.floor(random() * text.length));
        const message: HubMessage | undefined = reader.read(text);
        // What is read can be written: there is no hole in it.
        parseStrictly(write(message ?? null));
      }
      read++;
    } catch (error) {
      if (!(error instanceof SynclineError) || error.code !== "MESSAGE_MALFORMED") throw error;
      refused++;
    }
  }
  expect(read).toBeGreaterThan(200);
  expect(refused).toBeGreaterThan(500);
});

test("whatever is answered to a request, it is read or refused, and never anything else", () => {
  const random = randomFrom(12);
  const readers = [readPage, readPushAnswer, readProblem];
  const texts = names.filter((name) => name.endsWith(".json")).map((name) => fixture(`protocol/v1/messages/${name}`));
  let [read, refused] = [0, 0];
  for (let round = 0; round < 3_000; round++) {
    const text = write(spoilt(random, parse(oneOf(random, texts))));
    try {
      oneOf(random, readers)(text);
      read++;
    } catch (error) {
      if (!(error instanceof SynclineError) || error.code !== "MESSAGE_MALFORMED") throw error;
      refused++;
    }
  }
  expect(read).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(500);
});
