import { expect, test } from "vitest";
import { headOf } from "../src/pages/endpoints/delivery";
import { found } from "../src/pages/endpoints/list";
import { bodyOf } from "../src/pages/endpoints/make";
import { selectionOf } from "../src/pages/endpoints/replay";
import { headersOf } from "../src/pages/endpoints/verify";
import { advice } from "../src/parts/problem";
import { span } from "../src/parts/when";

function form(entries: readonly (readonly [string, string])[]): FormData {
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value);
  return data;
}

test("an endpoint is made of what was written, and what was left empty is left to the hub", () => {
  expect(bodyOf(form([["url", " https://a.example/hook "], ["id", ""], ["events", "tasks.*\n enrollment.created,x "], ["timeoutMs", "500"], ["secret", ""], ["preset", ""]]))).toEqual({
    url: "https://a.example/hook",
    events: ["tasks.*", "enrollment.created", "x"],
    timeoutMs: 500,
  });
});

test("how long deliveries are kept is written in hours and told in milliseconds, none of them too", () => {
  expect(bodyOf(form([["url", "https://a.example/"], ["keepDeliveredMs", "1.5"], ["keepDeadMs", "0"]]))).toEqual({ url: "https://a.example/", keepDeliveredMs: 5_400_000, keepDeadMs: 0 });
});

test("a request is written as HTTP does, without its body, which stands by itself", () => {
  const request = { method: "POST", url: "https://a.example/", headers: { "webhook-id": "1", "webhook-signature": "v1,…" } };
  expect(headOf(request)).toBe("POST https://a.example/\nwebhook-id: 1\nwebhook-signature: v1,…");
  expect(headOf({ ...request, body: "{}" })).toBe(headOf(request));
  expect(headOf({ method: "POST", url: "https://a.example/", reason: "left_out" })).toBe("POST https://a.example/");
});

test("endpoints are found by any of their words, whatever their case", () => {
  const endpoint = (id: string, more: object = {}) => ({ id, url: `https://${id}.example/`, events: ["*"], pending: 0, lag: 0, ...more });
  const all = [endpoint("admin", { description: "The Panel" }), endpoint("shop", { events: ["orders.*"] })];
  const ids = (text: string) => found(all, text).map(({ id }) => id);
  expect([ids(""), ids(" panel "), ids("ORDERS"), ids("shop.example"), ids("nothing")]).toEqual([["admin", "shop"], ["admin"], ["shop"], ["shop"], []]);
});

test("a replay chooses what is ticked, and nothing ticked is no replay", () => {
  expect(selectionOf("admin", form([["status", "dead"], ["status", "missed"], ["types", "tasks.* x"], ["from", "2026-11-20T10:00"], ["to", ""]]))).toEqual({
    endpoints: ["admin"],
    status: ["dead", "missed"],
    types: ["tasks.*", "x"],
    from: new Date("2026-11-20T10:00").toISOString(),
  });
  expect(selectionOf("admin", form([["types", "x"]]))).toBeUndefined();
});

test("headers are read as they are pasted, and a line that is none is named", () => {
  expect(headersOf("Webhook-Id: msg_1\r\n\nwebhook-signature:v1,a= v1,b=\n")).toEqual({ "webhook-id": "msg_1", "webhook-signature": "v1,a= v1,b=" });
  expect(() => headersOf("webhook-id: 1\nno header")).toThrow("no header");
});

test("of the page of a code its advice is shown, without what else stands there", () => {
  expect(advice("# X\n\n## Meaning\n\nm\n\n## What to do\n\nAsk\nsomebody.\n\nOr wait.\n\n## More\n\nno")).toEqual(["Ask somebody.", "Or wait."]);
  expect(advice("nothing like it")).toEqual(["nothing like it"]);
});

test("a span is told in two units at most, and never longer than it is", () => {
  expect([0, 999, 1_000, 61_000, 3_600_000, 432_000_000 - 1_000].map(span)).toEqual(["0 ms", "999 ms", "1 s", "1 min 1 s", "1 h", "4 d 23 h"]);
});
