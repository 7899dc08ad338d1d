/** The other pages of the dashboard: who may see them, what they show, and that everybody can use them. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Hub, startHub } from "../../client/test/hub.js";
import { type Dashboard, serveDashboard } from "../harness/dashboard.js";
import { Operator } from "../harness/operator.js";
import { withBrowser } from "../harness/with-browser.js";

let hub: Hub;
let dashboard: Dashboard;

beforeAll(async () => {
  hub = await startHub({ args: ["--deliver-to", "loopback"] });
  dashboard = await serveDashboard(hub);
  for (const title of ["Call", "Call back", "Called"]) await hub.ask("PUT", "/v1/entities/tasks/records/t1", { title, tags: ["a"], of: { who: title } });
  await hub.ask("PUT", "/v1/entities/tasks/records/t2", { title: "Write" });
});
afterAll(async () => {
  await dashboard.close();
  await hub.stop();
});

function signedIn(work: (operator: Operator) => Promise<void>, token = hub.token): Promise<void> {
  return withBrowser("chromium", async (browser) => work(await Operator.signIn(browser, dashboard, token)));
}

describe("the sign-in", () => {
  test("a token that is none is refused with the hub's code; a good one signs in, stays so after a reload, and is nowhere in the page", () =>
    withBrowser("chromium", async (browser) => {
      const stranger = await Operator.open(browser, dashboard);
      expect(await stranger.faults()).toEqual([]);
      await stranger.keys.isOn("Access token");
      await stranger.keys.type("sk_none");
      await stranger.keys.press("Enter");
      await stranger.says("ACCESS_TOKEN_INVALID");
      expect(await stranger.faults()).toEqual([]);
      await stranger.writes("Access token", hub.token);
      await stranger.keys.press("Enter");
      await stranger.says("Sign out");
      await stranger.goTo("records", "Records");
      const kept = await stranger.tab.run(() => [document.documentElement.innerHTML, document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })].join("\n"));
      expect(kept).not.toContain(hub.token);
      await stranger.presses("Sign out");
      await stranger.says("With an access token of this hub.");
      // What another window does with a session that has ended leads back here.
      await stranger.goTo("records", "Syncline");
      await stranger.says("Access token");
    }));

  test("a token that is revoked ends the session, and the page says so", async () => {
    const { id, token } = await hub.issue({ name: "jo", role: "operator" });
    await signedIn(async (operator) => {
      await hub.ask("DELETE", `/v1/tokens/${id}`);
      await operator.says("The session has ended. Sign in again.");
    }, token);
  });

  test("whoever signs in at another hub of the server sees that one, and nothing of the first", async () => {
    const shop = (await hub.ask("POST", "/v1/hubs", { name: "shop" })) as { readonly token: string };
    const made = await fetch(`${hub.url}/h/shop/v1/entities/orders/records/o1`, { method: "PUT", headers: { authorization: `Bearer ${shop.token}`, "content-type": "application/json" }, body: '{"of":"the shop"}' });
    expect(made.ok).toBe(true);
    await withBrowser("chromium", async (browser) => {
      // Somebody else was here before, in the same page.
      const operator = await Operator.signIn(browser, dashboard, hub.token);
      await operator.goTo("records?entity=tasks", "Records");
      await operator.says("t2");
      await operator.presses("Sign out");
      await operator.writes("Access token", shop.token);
      await operator.writes("Hub", "shop");
      await operator.keys.press("Enter");
      await operator.says("at shop");
      await operator.says("There is no record of tasks");
      await operator.goTo("records?entity=orders&id=o1", "Records");
      await operator.says("the shop");
    });
  });

  test("each role finds the pages that it may see, and no others", async () => {
    const menus: Readonly<Record<string, string>> = {
      reviewer: "Conflicts Event types Records",
      operator: "Overview Dead letters Event types Domains Runs",
      client: "Event types Records",
    };
    for (const [role, menu] of Object.entries(menus)) {
      const { token } = await hub.issue({ name: role, role: role as "reviewer" });
      await signedIn(async (operator) => {
        expect(await operator.tab.run(() => [...document.querySelectorAll("nav li")].map((item) => (item as HTMLElement).innerText).join(" "))).toBe(menu);
      }, token);
    }
  });
});

describe("the pages", () => {
  test("the overview shows how the hub does, with a chart for each figure, and goes on by itself", () =>
    signedIn(async (operator) => {
      await operator.goTo("", "Overview");
      await operator.says("All is well");
      await operator.says("Open conflicts");
      // What draws is loaded once a chart comes into sight; nothing moves when it is drawn.
      await operator.resize({ width: 375, height: 400 });
      await operator.goTo("", "Overview");
      await operator.says("Open conflicts");
      const loaded = () => operator.tab.run(() => performance.getEntriesByType("resource").some(({ name }) => /\/draw-.*\.js$/.test(name)));
      const height = () => operator.tab.run(() => document.documentElement.scrollHeight);
      const [wasLoaded, before] = [await loaded(), await height()];
      expect(wasLoaded).toBe(false);
      await operator.tab.run(() => document.querySelector(".charts")?.scrollIntoView());
      await operator.sees("the first chart is drawn", () => document.querySelectorAll(".chart canvas").length > 0);
      expect([await loaded(), await height()]).toEqual([true, before]);
      await operator.tab.run(() => document.querySelector(".charts")?.scrollIntoView({ block: "end" }));
      await operator.sees("there are six charts", () => document.querySelectorAll(".chart canvas").length === 6);
      await operator.onDesk();
      await operator.tab.run(() => scrollTo(0, 0));
      await operator.sees("figures have come", () => !document.body.innerText.includes("The first figures come within seconds."));
      await operator.pictures("dashboard-overview");
      expect(await operator.faults()).toEqual([]);
      const asked = await operator.tab.run(() => performance.getEntriesByName(`${location.origin}/v1/overview`).length + performance.getEntriesByType("resource").filter(({ name }) => name.includes("/v1/overview?since=")).length);
      await operator.sees("it is asked again", (before) => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/v1/overview")).length > before, asked);
    }));

  test("an operator sees how the hub does, and is led to no page that is not for operators", async () => {
    const { token } = await hub.issue({ name: "olga", role: "operator" });
    await signedIn(async (operator) => {
      await operator.goTo("", "Overview");
      await operator.says("Nothing that you would have to know of.");
      await operator.says("none compared yet");
      const ways = await operator.tab.run(() => [...document.querySelectorAll<HTMLAnchorElement>("main a")].map(({ pathname }) => pathname));
      expect([...new Set(ways)]).toEqual(["/dashboard/domains"]);
      expect(await operator.faults()).toEqual([]);
    }, token);
  });

  test("the overview shows which alert is lit and that nobody is told, until it is over", async () => {
    await hub.ask("POST", "/v1/endpoints", { id: "lit", url: "http://127.0.0.1:9/hook" });
    await hub.ask("POST", "/v1/endpoints/lit/disable", {});
    await signedIn(async (operator) => {
      await operator.goTo("", "Overview");
      await operator.says("Endpoints are disabled");
      await operator.says("Nobody is told");
      expect(await operator.faults()).toEqual([]);
      await hub.ask("DELETE", "/v1/endpoints/lit");
      await operator.says("No rule is broken.");
      // A server that was just started has not looked, and soon has: what it says until then is put into its answers.
      await operator.tab.run(() => {
        const real = window.fetch;
        window.fetch = async (...asked) => {
          const answer = await real(...asked);
          return String(asked[0]).includes("/v1/alerts") ? Response.json({ ...((await answer.json()) as object), lookedAt: null }) : answer;
        };
      });
      await operator.says("since its start the server has not looked");
      await operator.saysNoMore("No rule is broken.");
    });
  });

  test("a record is seen as it was after each of its changes, and its latest change is proven in the page", () =>
    signedIn(async (operator) => {
      await operator.goTo("records", "Records");
      await operator.says("Which record?");
      expect(await operator.faults()).toEqual([]);
      await operator.keys.press("/");
      await operator.keys.type("tasks");
      await operator.keys.press("Enter");
      await operator.says("Records of tasks");
      expect(await operator.faults()).toEqual([]);
      // What was never there is not said to be deleted.
      await operator.goTo("records?entity=tasks&id=t0", "Records");
      await operator.says("There is no such record");
      await operator.saysNoMore("The record is deleted.");
      expect(await operator.faults()).toEqual([]);
      await operator.follows("Back to the list");
      await operator.follows("t1");
      await operator.says("Time travel");
      await operator.says("Called");
      // Back to the change before.
      await operator.keys.press("Escape");
      await operator.tab.run(() => document.querySelectorAll<HTMLElement>("a[data-row]")[1]?.click());
      await operator.says("As it was");
      await operator.pictures("dashboard-record");
      await operator.sees("both are beside each other", () => [...document.querySelectorAll("tr.differs")].some((row) => (row as HTMLElement).innerText.includes("Call back") && (row as HTMLElement).innerText.includes("Called")));
      expect(await operator.faults()).toEqual([]);
      // Any time, too: before it was there.
      await operator.tab.run(() => {
        const field = document.querySelector<HTMLInputElement>("input[name=at]");
        if (field === null) throw new Error("there is no field for a time");
        field.value = "2020-01-01T00:00:00";
        field.form?.requestSubmit();
      });
      await operator.says("It was deleted then, or not there yet.");
      expect(await operator.faults()).toEqual([]);
      await operator.presses("Prove it");
      await operator.says("Proven: the change stands in entry");
      expect(await operator.faults()).toEqual([]);
    }));

  test("what a list has more is loaded with keys, and one goes on where it begins", async () => {
    for (let at = 100; at < 155; at += 1) await hub.ask("PUT", `/v1/entities/many/records/r${at}`, { at });
    await signedIn(async (operator) => {
      await operator.goTo("records?entity=many", "Records");
      await operator.says("r149");
      await operator.saysNoMore("r150");
      // From the end of the list: what loads more of it.
      await operator.keys.press("k");
      await operator.keys.isOn("Load more");
      expect(await operator.faults()).toEqual([]);
      await operator.keys.press("Enter");
      await operator.keys.isOn("r150");
      await operator.says("r154");
      await operator.saysNoMore("Load more");
      await operator.keys.press("k");
      await operator.keys.isOn("r149");
    });
  });

  test("a run says between which folders it was and what came of it, with its numbers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "syncline-folders-"));
    for (const name of ["left", "right"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "left/contacts.json"), '{"contacts":[{"id":"anna","name":"Anna"},{"id":"ben","name":"Ben"}]}');
    const config = ["left", "right"].map((name) => `[domains.${name}]\npath = ${JSON.stringify(join(folder, name))}\n`).join("");
    const own = await startHub({ config: `${config}[entities.contacts]\n[links.both]\nsource = "left"\ntarget = "right"\n`, args: ["--watch"] });
    const pages = await serveDashboard(own);
    try {
      await withBrowser("chromium", async (browser) => {
        const operator = await Operator.signIn(browser, pages, own.token);
        await operator.goTo("runs", "Runs");
        await operator.says("left ↔ right");
        await operator.says("done");
        await operator.says("contacts: 2 added, 0 changed, 0 deleted");
        expect(await operator.faults()).toEqual([]);
        // A file that cannot be read makes a run that failed.
        writeFileSync(join(folder, "left/contacts.json"), "[]");
        await operator.says("failed");
        await operator.opens("DATA_FORMAT_INVALID");
        await operator.says("Mend the file or the item");
        expect(await operator.faults()).toEqual([]);
        // The folders' verdicts are those of their latest run.
        await operator.goTo("domains", "Domains");
        await operator.says("Its latest run did nothing.");
        expect(await operator.faults()).toEqual([]);
      });
    } finally {
      await pages.close();
      await own.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("the catalogue has the types of events with what each says", () =>
    signedIn(async (operator) => {
      await hub.ask("PUT", "/v1/event-types/enrollment.created", { description: "Somebody has enrolled", schema: { type: "object", required: ["status"], properties: { status: { type: "string" } } }, examples: [{ status: "active" }] });
      await hub.ask("PUT", "/v1/schemas/tasks", { type: "object", properties: { title: { type: "string" } } });
      await operator.goTo("events", "Event types");
      await operator.says("Somebody has enrolled");
      await operator.says("changes of records");
      await operator.presses("enrollment.created");
      await operator.says('"required"');
      await operator.says('"status": "active"');
      expect(await operator.faults()).toEqual([]);
    }));

  test("the audit names who did what, is verified, and shows its head", () =>
    signedIn(async (operator) => {
      await operator.goTo("audit", "Audit");
      await operator.says("sha256:");
      // The latest first, and narrowed to what is looked for.
      await operator.says("OPERATIONS");
      await operator.keys.press("/");
      await operator.keys.isOn("Category");
      await operator.writes("Action", "NOTHING_LIKE_IT");
      await operator.keys.press("Enter");
      await operator.says("Nothing matches");
      expect(await operator.faults()).toEqual([]);
      await operator.presses("Verify all of it");
      await operator.says("entries are intact.");
      expect(await operator.faults()).toEqual([]);
    }));

  test("what is empty says what to do", () =>
    signedIn(async (operator) => {
      for (const [path, title, help] of [
        ["conflicts", "Conflicts", "Nothing to decide."],
        ["endpoints", "Endpoints", "Make one"],
        ["dead", "Dead letters", "the client keeps its values"],
        ["domains", "Domains", "serve --watch"],
        ["runs", "Runs", "syncline sync"],
        ["records?entity=nothing", "Records", "There is no record of nothing"],
        ["nowhere", "There is no such page", "The menu has all pages"],
      ] as const) {
        await operator.goTo(path, title);
        await operator.says(help);
        expect({ path, faults: await operator.faults() }).toEqual({ path, faults: [] });
      }
    }));

  test("light and dark are chosen by the system, or by hand for good", () =>
    signedIn(async (operator) => {
      const ground = (): Promise<string> => operator.tab.run(() => getComputedStyle(document.documentElement).backgroundColor);
      await operator.setScheme("dark");
      const dark = await ground();
      await operator.setScheme("light");
      const light = await ground();
      expect(light).not.toBe(dark);
      await operator.presses("Colours: as the system");
      await operator.presses("Colours: light");
      await operator.says("Colours: dark");
      expect(await ground()).toBe(dark);
      await operator.goTo("runs", "Runs");
      expect(await ground()).toBe(dark);
    }));

  test("a hub that is away is said to be away, and the page goes on by itself once it is back", () =>
    signedIn(async (operator) => {
      await operator.goTo("domains", "Domains");
      await hub.halt();
      await operator.says("The hub does not answer");
      expect(await operator.faults()).toEqual([]);
      // Nobody is signed out whom the hub would let in again.
      await operator.presses("Sign out");
      await operator.says("The hub does not answer: the session goes on.");
      // Whoever opens the page meanwhile is not asked for a token.
      await operator.goTo("domains", "Syncline");
      await operator.says("this page goes on by itself");
      await operator.saysNoMore("Access token");
      expect(await operator.faults()).toEqual([]);
      await hub.start();
      // Sessions end with the process.
      await operator.says("The session has ended. Sign in again.");
    }));

  test("a page that is long in coming is said to come, and one that does not come at all says so", () =>
    signedIn(async (operator) => {
      const way = async (offline: boolean, latency: number): Promise<void> => {
        await operator.tab.cdp("Network.enable");
        await operator.tab.cdp("Network.emulateNetworkConditions", { offline, latency, downloadThroughput: -1, uploadThroughput: -1 });
      };
      await operator.goTo("runs", "Runs");
      await way(false, 4_000);
      await operator.follows("Audit");
      await operator.sees("it is said to come, where the page before stood", () => document.querySelector("main .loading") !== null && document.querySelector("h1") === null);
      await way(false, 0);
      await operator.isAt("Audit");
      await way(true, 0);
      await operator.follows("Records");
      await operator.isAt("This page cannot be shown");
      await operator.says("The hub does not answer");
      await operator.says("Sign out");
      expect(await operator.faults()).toEqual([]);
      await way(false, 0);
      await operator.isAt("Records");
    }));
});
