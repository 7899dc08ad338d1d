/** Endpoints and their deliveries in the dashboard, from the first to a replay. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Hub, startHub } from "../../client/test/hub.js";
import { type Dashboard, serveDashboard } from "../harness/dashboard.js";
import { Operator } from "../harness/operator.js";
import { until } from "../harness/process.js";
import { type Receiver, startReceiver } from "../harness/receiver.js";
import { withBrowser } from "../harness/with-browser.js";

let hub: Hub;
let dashboard: Dashboard;
let receiver: Receiver;

beforeAll(async () => {
  hub = await startHub({ args: ["--deliver-to", "loopback"] });
  receiver = await startReceiver();
  dashboard = await serveDashboard(hub);
});
afterAll(async () => {
  await dashboard.close();
  await receiver.close();
  await hub.stop();
});

function asAdmin(work: (operator: Operator) => Promise<void>): Promise<void> {
  return withBrowser("chromium", async (browser) => work(await Operator.signIn(browser, dashboard, hub.token)));
}

/** Makes an endpoint that is told of one entity. */
async function endpoint(id: string, more: object = {}): Promise<void> {
  await hub.ask("POST", "/v1/endpoints", { id, url: receiver.url, events: [`${id}.*`], ...more });
}

const states = async (id: string): Promise<readonly string[]> => ((await hub.ask("GET", `/v1/endpoints/${id}/deliveries`)) as { deliveries: { state: string }[] }).deliveries.map(({ state }) => state);

describe("endpoints", () => {
  test("an endpoint is made with keys alone; its secret is shown once, and a test reaches it", async () => {
    await asAdmin(async (operator) => {
      const { keys } = operator;
      await operator.goTo("endpoints", "Endpoints");
      await operator.says("There is no endpoint yet");
      expect(await operator.faults()).toEqual([]);
      await keys.press("n");
      await keys.isOn("Address");
      await operator.writes("Address", receiver.url);
      await operator.writes("Name", "admin");
      await operator.writes("Types of events", "contacts.*\ntasks.*");
      expect(await operator.faults()).toEqual([]);
      await keys.tabTo("Make it");
      await keys.press("Enter");
      await operator.says("The secret, once");
      const secret = await operator.tab.run(() => document.querySelector(".secret")?.textContent ?? "");
      expect(secret).toMatch(/^whsec_/);
      expect(await operator.faults()).toEqual([]);
      // Whoever still holds Enter keeps it.
      await keys.isOn("Secret");
      await keys.press("Enter");
      await operator.says("The secret, once");
      await keys.press("Escape");
      await operator.isAt("admin");
      await operator.says("contacts.*, tasks.*");
      expect(await operator.tab.run((text) => document.documentElement.innerHTML.includes(text), secret)).toBe(false);
      await keys.press("t");
      await operator.says("The test was delivered in");
      expect(receiver.received.at(-1)?.body).toContain("syncline.test");
      // What is refused is told with its code, and the dialog stays as it was written.
      await operator.goTo("endpoints", "Endpoints");
      await keys.press("n");
      await operator.writes("Address", "ftp://example.com/");
      await operator.presses("Make it");
      await operator.says("What to do");
      await operator.holdsText("ftp://example.com/");
    });
  });

  test("an endpoint is changed, and disabled and enabled with what came meanwhile left out", async () => {
    await endpoint("changes");
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/changes", "changes");
      await operator.keys.press("e");
      await operator.writes("Description", "The panel");
      await operator.opens("Further settings");
      await operator.writes("A second, at most", "50");
      await operator.presses("Save");
      await operator.says("Saved.");
      await operator.says("The panel");
      expect(await hub.ask("GET", "/v1/endpoints/changes")).toMatchObject({ description: "The panel", events: ["changes.*"] });
      await operator.presses("Disable");
      await operator.says("Disable it?");
      expect(await operator.faults()).toEqual([]);
      await operator.pressesInDialog("Disable");
      await operator.says("disabled by hand");
      const before = receiver.received.length;
      await hub.ask("PUT", "/v1/entities/changes/records/1", { n: 1 });
      // Not before a test has reached it.
      await operator.presses("Enable");
      await operator.says("leave it out");
      await operator.presses("leave it out");
      await operator.pressesInDialog("Enable");
      await operator.says("What to do");
      await operator.keys.press("Escape");
      await operator.presses("Send a test");
      await operator.says("The test was delivered in");
      await operator.presses("Enable");
      await operator.presses("leave it out");
      await operator.pressesInDialog("Enable");
      await operator.says("Enabled.");
      await operator.says("active");
      expect(receiver.received.slice(before).filter(({ body }) => body.includes("changes.created"))).toEqual([]);
    });
  });

  test("a secret is replaced: the new one is shown once, and both sign for as long as was chosen", async () => {
    await endpoint("turns");
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/turns", "turns");
      await operator.presses("Rotate the secret");
      await operator.says("A new secret?");
      expect(await operator.faults()).toEqual([]);
      await operator.pressesInDialog("Rotate the secret");
      await operator.says("The former secrets sign as well until");
      await operator.keys.press("Escape");
      await operator.saysNoMore("The secret, once");
      await operator.presses("Send a test");
      await operator.says("The test was delivered in");
      expect(receiver.received.at(-1)?.headers["webhook-signature"]?.split(" ")).toHaveLength(2);
    });
  });

  test("of what fails each attempt is seen with its answer as text; it is tried at once when asked for, and counts down", async () => {
    receiver.answer(500, "<b>broken</b> for now");
    await endpoint("fails", { schedule: [0, 3_600_000] });
    await hub.ask("PUT", "/v1/entities/fails/records/1", { n: 1 });
    await until("the first attempt has failed", async () => (await states("fails")).includes("retrying"));
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints", "Endpoints");
      await operator.says("failing");
      expect(await operator.faults()).toEqual([]);
      await operator.keys.press("/");
      await operator.keys.type("no such one");
      await operator.says("None is called so");
      await operator.writes("Find by name, address or type", "FAILS.*");
      await operator.saysNoMore("None is called so");
      await operator.sees("only that one is left", () => document.querySelectorAll("tbody tr").length === 1);
      await operator.follows("fails");
      await operator.isAt("fails");
      await operator.says("It is disabled in 4 d 23 h unless a delivery succeeds until then.");
      expect(await operator.faults()).toEqual([]);
      await operator.keys.press("d");
      await operator.isAt("Deliveries of fails");
      await operator.keys.press("j", "Enter");
      await operator.says("500 after");
      // Why it failed stands there in words, with what to do.
      await operator.opens("The receiver refused it status");
      await operator.says("the receiver's log at that time, say why");
      await operator.opens("Answer, shortened and redacted");
      await operator.says("<b>broken</b> for now");
      await operator.opens("Show what it says");
      await operator.says('"n": 1');
      // What is sent, without what proves who has sent it.
      await operator.opens("Show the request");
      await operator.says("webhook-signature: v1,…");
      await operator.says('"type":"fails.created"');
      await operator.pictures("dashboard-deliveries");
      expect(await operator.tab.run(() => document.querySelectorAll("main b").length)).toBe(0);
      expect(await operator.faults()).toEqual([]);
      receiver.answer(200);
      await operator.presses("Try now");
      await operator.says("200 after");
      await operator.says("delivered");
    });
  });

  test("dead letters are counted before they are sent again, and then they arrive", async () => {
    receiver.answer(500);
    await endpoint("again", { schedule: [0] });
    for (const id of [1, 2, 3]) await hub.ask("PUT", `/v1/entities/again/records/${id}`, { id });
    await until("all are dead", async () => (await states("again")).filter((state) => state === "dead").length === 3);
    receiver.answer(200);
    const replayed = (): number => receiver.received.filter(({ headers }) => headers["webhook-replay"] === "true").length;
    await asAdmin(async (operator) => {
      // The overview says what happened, and leads there.
      await operator.goTo("", "Overview");
      await operator.says("has dead letters");
      expect(await operator.faults()).toEqual([]);
      await operator.goTo("dead", "Dead letters");
      await operator.says("again.created");
      expect(await operator.faults()).toEqual([]);
      // From there to the delivery itself, whose address can be handed on.
      await operator.keys.press("j", "Enter");
      await operator.isAt("Deliveries of again");
      await operator.says("Nothing more becomes of it by itself.");
      expect(await operator.faults()).toEqual([]);
      await operator.tab.run(() => history.back());
      await operator.isAt("Dead letters");
      await operator.follows("Replay");
      await operator.isAt("Replay to again");
      await operator.says("Nothing was sent again yet.");
      await operator.presses("Count");
      await operator.says("3 deliveries to send again.");
      await operator.pictures("dashboard-replay");
      expect(await operator.faults()).toEqual([]);
      expect(replayed()).toBe(0);
      await operator.presses("Send 3 deliveries again");
      await operator.says("3 of 3");
      await operator.says("done");
      await until("they have arrived", () => replayed() === 3);
      expect(await operator.faults()).toEqual([]);
    });
  });

  test("deliveries that the hub cannot read are named, beside all others, with what to do", async () => {
    receiver.answer(500);
    await endpoint("harmed", { schedule: [0] });
    for (const id of [1, 2]) await hub.ask("PUT", `/v1/entities/harmed/records/${id}`, { id });
    await until("both are dead", async () => (await states("harmed")).filter((state) => state === "dead").length === 2);
    receiver.answer(200);
    await asAdmin(async (operator) => {
      // No row of a store can be harmed from outside so that it passes for one of the hub's: what the hub answers then is put into its answers.
      const harm = (path: string, damaged: readonly unknown[], rows?: string): Promise<void> =>
        operator.tab.run(
          (path, damaged, rows) => {
            const real = window.fetch;
            window.fetch = async (...asked) => {
              const answer = await real(...asked);
              if (!String(asked[0]).includes(path)) return answer;
              const said = (await answer.json()) as Record<string, unknown>;
              return Response.json({ ...said, damaged, ...(rows !== undefined && { [rows]: [] }) });
            };
          },
          path,
          damaged,
          rows,
        );
      await operator.goTo("endpoints/harmed", "harmed");
      await harm("/deliveries?", [7, 4]);
      await operator.keys.press("d");
      await operator.isAt("Deliveries of harmed");
      await operator.says("2 deliveries of this list cannot be read");
      await operator.says("#7");
      await operator.says("harmed.created");
      await operator.opens("What to do about the store");
      await operator.says("Check the disk.");
      expect(await operator.faults()).toEqual([]);
      // Where nothing else is there it is not said that there is nothing.
      await harm("/v1/deliveries/dead", [{ endpoint: "harmed", sequence: 4 }], "dead");
      await operator.keys.press("g", "l");
      await operator.isAt("Dead letters");
      await operator.says("1 delivery of this list cannot be read");
      await operator.saysNoMore("No delivery was given up");
      expect(await operator.faults()).toEqual([]);
      await operator.follows("harmed #4");
      await operator.isAt("Deliveries of harmed");
    });
  });

  test("a signature that holds is told by the secret that made it, and one that does not by why, never with a secret", async () => {
    const { secrets } = (await hub.ask("POST", "/v1/endpoints", { id: "signs", url: receiver.url, events: ["signs.*"] })) as { readonly secrets: readonly string[] };
    await hub.ask("POST", "/v1/endpoints/signs/test");
    const got = receiver.received.at(-1);
    if (got === undefined) throw new Error("the test has not arrived");
    const headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => `${name}: ${got.headers[name] ?? ""}`).join("\n");
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/signs/verify", "Signature debugger of signs");
      await operator.writes("Headers", headers);
      await operator.writes("Body", got.body);
      await operator.presses("Verify");
      await operator.says("The signature is good.");
      await operator.says("HMAC-SHA256 (v1)");
      expect(await operator.faults()).toEqual([]);
      await operator.writes("Body", `${got.body} `);
      await operator.presses("Verify");
      await operator.says("The signature is not good.");
      await operator.says("WEBHOOK_SIGNATURE_WRONG");
      expect(await operator.faults()).toEqual([]);
      expect(await operator.tab.run(() => document.documentElement.innerHTML)).not.toContain(secrets[0]);
      // What is no header is named, and nothing is asked.
      await operator.writes("Headers", "no header");
      await operator.presses("Verify");
      await operator.says("“no header” is no header");
    });
  });

  test("deliveries are narrowed by state and time, and the address keeps by which", async () => {
    receiver.answer(500);
    await endpoint("narrow", { schedule: [0] });
    await hub.ask("PUT", "/v1/entities/narrow/records/1", { n: 1 });
    await until("it is dead", async () => (await states("narrow")).includes("dead"));
    receiver.answer(200);
    await hub.ask("PUT", "/v1/entities/narrow/records/2", { n: 2 });
    await until("the other is delivered", async () => (await states("narrow")).includes("delivered"));
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/narrow/deliveries", "Deliveries of narrow");
      const shown = (count: number) => operator.sees(`${count} rows`, (rows) => document.querySelectorAll("tbody tr").length === rows && document.querySelector(".loading") === null, count);
      await shown(2);
      await operator.chooses("State", "dead letter");
      await shown(1);
      await operator.says("narrow 1");
      expect(await operator.faults()).toEqual([]);
      expect(await operator.tab.run(() => location.search)).toBe("?state=dead");
      await operator.goTo("endpoints/narrow/deliveries?state=dead&to=2020-01-01T00:00", "Deliveries of narrow");
      await operator.says("None matches the filters");
      expect(await operator.faults()).toEqual([]);
    });
  });

  test("a filter and a transformation are tried on an event before they are settled, and what cannot be carried out says why", async () => {
    receiver.answer(200);
    await endpoint("shapes");
    await hub.ask("PUT", "/v1/entities/shapes/records/1", { name: "Ann", note: "internal" });
    await until("it is delivered", async () => (await states("shapes")).includes("delivered"));
    const { deliveries } = (await hub.ask("GET", "/v1/endpoints/shapes/deliveries")) as { readonly deliveries: readonly { readonly sequence: number }[] };
    const tryIt = `Try it on shapes.created #${deliveries[0]?.sequence}`;
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/shapes", "shapes");
      await operator.keys.press("e");
      await operator.writes("Transformation", '{"who": event.data.name.nothing}');
      await operator.presses(tryIt);
      await operator.says("What to do");
      expect(await operator.faults()).toEqual([]);
      await operator.writes("Transformation", '{"who": event.data.name}');
      await operator.presses(tryIt);
      await operator.says('"who": "Ann"');
      await operator.writes("Filter", 'event.data.name == "Bea"');
      await operator.presses(tryIt);
      await operator.says("It would not be sent");
      expect(await operator.faults()).toEqual([]);
      await operator.opens("Further settings");
      await operator.writes("Keep dead letters, hours", "24");
      await operator.presses("Save");
      await operator.says("Saved.");
      await operator.says('event.data.name == "Bea"');
      await operator.says("dead letters 1 d");
      expect(await operator.faults()).toEqual([]);
      const before = receiver.received.length;
      await hub.ask("PUT", "/v1/entities/shapes/records/1", { name: "Bea", note: "internal" });
      await until("it has arrived", () => receiver.received.length > before);
      expect(JSON.parse(receiver.received.at(-1)?.body ?? "")).toMatchObject({ data: { who: "Bea" } });
    });
  });

  test("an endpoint that is not there says so on a page of its name, with the way to those that are", () =>
    asAdmin(async (operator) => {
      await operator.goTo("endpoints/nowhere", "nowhere");
      await operator.says("There is no such endpoint");
      expect(await operator.faults()).toEqual([]);
      await operator.follows("All endpoints");
      await operator.isAt("Endpoints");
    }));

  test("an endpoint is removed after it was asked once more", async () => {
    await endpoint("leaves");
    await asAdmin(async (operator) => {
      await operator.goTo("endpoints/leaves", "leaves");
      await operator.presses("Remove");
      await operator.says("Remove it?");
      await operator.pressesInDialog("Remove");
      await operator.isAt("Endpoints");
      await operator.saysNoMore("leaves");
      await expect(hub.ask("GET", "/v1/endpoints/leaves")).rejects.toThrow("ENDPOINT_UNKNOWN");
    });
  });
});

describe("domains", () => {
  test("each has a verdict, why, since when and what to do; an endpoint that is disabled leads to its page", async () => {
    const own = await startHub({ args: ["--deliver-to", "loopback"] });
    const pages = await serveDashboard(own);
    try {
      receiver.answer(200);
      const make = (id: string, more: object = {}) => own.ask("POST", "/v1/endpoints", { id, url: receiver.url, events: ["tasks.*"], ...more });
      await make("admin-panel");
      await own.ask("PUT", "/v1/entities/tasks/records/1", { n: 1 });
      await until("it is delivered", async () => ((await own.ask("GET", "/v1/endpoints/admin-panel")) as { readonly pending: number; readonly lag: number }).pending === 0);
      await make("billing", { url: "http://127.0.0.1:9/", schedule: [0, 3_600_000] });
      await make("newsletter");
      await own.ask("POST", "/v1/endpoints/newsletter/disable");
      await own.ask("PUT", "/v1/entities/tasks/records/2", { n: 2 });
      await withBrowser("chromium", async (browser) => {
        const operator = await Operator.signIn(browser, pages, own.token);
        await operator.goTo("domains", "Domains");
        await operator.says("Its latest attempts failed.");
        await operator.says("Nobody answers at the address");
        await operator.says("Somebody has disabled it. Test and enable it.");
        // The worst first.
        const names = (): Promise<readonly string[]> => operator.tab.run(() => [...document.querySelectorAll("tbody tr td:first-child a")].map((name) => (name as HTMLElement).innerText));
        expect(await names()).toEqual(["newsletter", "billing", "admin-panel"]);
        await operator.pictures("dashboard-domains");
        expect(await operator.faults()).toEqual([]);
        // Also where it stands on a later page of the hub's, by name behind all that do well.
        for (let at = 0; at < 100; at += 1) await make(`idle-${at}`, { events: ["nothing.*"] });
        await operator.goTo("domains", "Domains");
        await operator.says("101 healthy");
        await operator.sees("the worst is the first", () => document.querySelector<HTMLElement>("tbody tr td:first-child a")?.innerText === "newsletter");
        expect((await names()).slice(0, 3)).toEqual(["newsletter", "billing", "admin-panel"]);
        expect(await operator.faults()).toEqual([]);
        await operator.follows("newsletter");
        await operator.isAt("newsletter");
        await operator.says("Somebody has disabled it. Send a test, then enable it.");
        expect(await operator.faults()).toEqual([]);
        // Of very many endpoints a part is drawn, and all are found.
        await operator.goTo("endpoints", "Endpoints");
        await operator.says("103 endpoints");
        const rows = (count: number) => operator.sees(`${count} rows`, (wanted) => document.querySelectorAll("tbody tr").length === wanted, count);
        await rows(100);
        await operator.writes("Find by name, address or type", "newsletter");
        await rows(1);
        await operator.writes("Find by name, address or type", "http");
        await rows(100);
        await operator.presses("Show more (3 are left)");
        await rows(103);
        expect(await operator.faults()).toEqual([]);
      });
    } finally {
      await pages.close();
      await own.stop();
    }
  });
});
