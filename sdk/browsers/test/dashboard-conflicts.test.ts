/** The conflict desk, as somebody uses it who has a keyboard only. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Hub, startHub } from "../../client/test/hub.js";
import { type Dashboard, serveDashboard } from "../harness/dashboard.js";
import { Devices, RULES } from "../harness/disagreements.js";
import { Operator } from "../harness/operator.js";
import { withBrowser } from "../harness/with-browser.js";

let hub: Hub;
let dashboard: Dashboard;
let devices: Devices;

beforeAll(async () => {
  hub = await startHub({ config: RULES });
  devices = await Devices.of(hub);
  dashboard = await serveDashboard(hub);
});
afterAll(async () => {
  await dashboard.close();
  await hub.stop();
});

const record = async (entity: string, id: string): Promise<unknown> => ((await hub.ask("GET", `/v1/entities/${entity}/records/${id}`)) as { record: unknown }).record;
const waiting = async (entity: string): Promise<number> => ((await hub.ask("GET", `/v1/conflicts?status=waiting&entity=${entity}`)) as { conflicts: unknown[] }).conflicts.length;

function atDesk(work: (operator: Operator) => Promise<void>, token = hub.token): Promise<void> {
  return withBrowser("chromium", async (browser) => work(await Operator.signIn(browser, dashboard, token)));
}

describe("the desk", () => {
  test("with keys alone one goes to a conflict, sees what a decision would do, decides, and is at the next one", async () => {
    await devices.disagreeAboutPhones(3);
    await atDesk(async (operator) => {
      const { keys } = operator;
      await keys.press("g", "c");
      await operator.isAt("Conflicts");
      await operator.says("3 conflicts");
      await operator.pictures("dashboard-conflicts");
      expect(await operator.faults()).toEqual([]);
      await keys.press("j", "j", "k");
      await keys.isOn("contacts anna");
      await keys.press("Enter");
      await operator.isAt("contacts anna");
      // What each device wrote, what was there before, and who changed what.
      await operator.says("+43 660 555 1000");
      await operator.says("+43 1 555 0000");
      await operator.says("Who changed what");
      expect(await operator.faults()).toEqual([]);
      // A decision is shown before anything is done.
      await keys.press("1");
      await keys.isOn("Decide: Take laptop");
      await operator.says("The record would be");
      await operator.pictures("dashboard-conflict");
      await operator.setScheme("dark");
      await operator.onPhone();
      await operator.pictures("dashboard-conflict-phone");
      expect(await record("contacts", "anna")).toMatchObject({ phone: "+43 660 555 2000" });
      expect(await operator.faults()).toEqual([]);
      await keys.press("Enter");
      await operator.says("Decided: Take laptop.");
      await operator.isAt("contacts ben");
      expect(await record("contacts", "anna")).toMatchObject({ phone: "+43 660 555 1000", city: "Graz" });
      // Put aside, it stays open, and the list leaves it out.
      await keys.press("s");
      await keys.isOn("Put it aside");
      await operator.says("Nothing changes");
      await keys.press("Enter");
      await operator.isAt("contacts clara");
      // A value of one's own.
      await keys.press("e");
      await keys.isOn("New value");
      await operator.writes("New value", "+43 1 999");
      await keys.tabTo("Preview");
      await keys.press("Enter");
      await keys.isOn("Decide: +43 1 999");
      await keys.press("Enter");
      await operator.isAt("Conflicts");
      expect(await record("contacts", "clara")).toMatchObject({ phone: "+43 1 999" });
      await operator.says("No conflict waits");
      expect(await waiting("contacts")).toBe(0);
      expect(await operator.faults()).toEqual([]);
      // Every key stands in the list of keys, which Escape closes.
      await keys.press("?");
      await operator.says("Go to Conflicts");
      expect(await operator.faults()).toEqual([]);
      await keys.press("Escape");
      await operator.saysNoMore("What it does");
    });
  });

  test("conflicts that are alike are counted, shown and decided together", async () => {
    for (const id of ["one", "two", "three"]) await devices.disagree("contacts", id, { note: "old" }, { set: { "/note": `laptop ${id}` } }, { set: { "/note": `phone ${id}` } });
    await atDesk(async (operator) => {
      const { keys } = operator;
      await operator.goTo("conflicts", "Conflicts");
      await operator.says("3 conflicts");
      await operator.follows("contacts two");
      await operator.isAt("contacts two");
      await operator.says("2 other conflicts are about the same field");
      await keys.press("a");
      await operator.says("Choose something first");
      await keys.press("2");
      await keys.isOn("Decide: Take phone");
      await keys.press("a");
      await operator.says("Decide 3 conflicts alike?");
      await operator.says("phone three");
      expect(await operator.faults()).toEqual([]);
      // Nothing is done until it is confirmed.
      await keys.press("Escape");
      await operator.saysNoMore("alike?");
      expect(await waiting("contacts")).toBe(3);
      await keys.press("a");
      await keys.tabTo("Decide 3 conflicts");
      await keys.press("Enter");
      await operator.says("3 conflicts decided.");
      expect(await waiting("contacts")).toBe(0);
      expect(await Promise.all(["one", "two", "three"].map((id) => record("contacts", id)))).toEqual(["one", "two", "three"].map((id) => ({ note: `phone ${id}` })));
    });
  });

  test("rows are selected with x and decided together, those and no others", async () => {
    for (const id of ["a", "b", "c"]) await devices.disagree("contacts", `row-${id}`, { note: "old" }, { set: { "/note": `laptop ${id}` } }, { set: { "/note": `phone ${id}` } });
    await atDesk(async (operator) => {
      const { keys } = operator;
      await operator.goTo("conflicts", "Conflicts");
      await operator.says("3 conflicts");
      await operator.presses("Select 3 of them");
      await operator.says("3 conflicts selected");
      await operator.presses("Select none");
      await operator.saysNoMore("3 conflicts selected");
      await keys.press("j", "x", "j", "x");
      await operator.says("2 conflicts selected");
      expect(await operator.faults()).toEqual([]);
      await keys.tabTo("Decide them together");
      await keys.press("Enter");
      await operator.says("Decide 2 conflicts alike?");
      await keys.tabTo("Decide 2 conflicts");
      await keys.press("Enter");
      await operator.says("2 conflicts decided.");
      expect(await waiting("contacts")).toBe(1);
      await hub.ask("DELETE", "/v1/entities/contacts/records/row-c");
    });
  });

  test("a deletion that met an edit is kept or deleted, after either was shown", async () => {
    await devices.disagree("contacts", "gone", { name: "Gone", city: "Linz" }, { delete: true }, { set: { "/city": "Wels" } });
    await atDesk(async (operator) => {
      await operator.goTo("conflicts?kind=deletion", "Conflicts");
      await operator.follows("contacts gone");
      await operator.isAt("contacts gone");
      await operator.presses("2 Delete the record");
      await operator.says("The record would be deleted.");
      expect(await operator.faults()).toEqual([]);
      await operator.keys.press("Enter");
      await operator.says("Decided: Delete the record.");
      await expect(record("contacts", "gone")).rejects.toThrow("404");
    });
  });

  test("a value that needs an approval is decided by nobody else, who is told so and by which code", async () => {
    await devices.disagree("products", "chair", { price: 10 }, { set: { "/price": 12.5 } }, { set: { "/price": 11 } });
    const other = await hub.issue({ name: "jo", role: "reviewer" });
    await atDesk(async (operator) => {
      await operator.goTo("conflicts?approval=yes", "Conflicts");
      await operator.says("approval by manager");
      await operator.follows("products chair");
      await operator.isAt("products chair");
      await operator.keys.press("2");
      await operator.keys.isOn("Decide: Take phone");
      await operator.keys.press("Enter");
      await operator.says("APPROVAL_NEEDED");
      await operator.tab.run(() => document.querySelector<HTMLElement>(".problem summary")?.click());
      await operator.says("Ask one of those whom the message names.");
      expect(await operator.faults()).toEqual([]);
      expect(await record("products", "chair")).toEqual({ price: 12.5 });
    }, other.token);
    const mara = await hub.issue({ name: "mara", role: "reviewer" });
    await atDesk(async (operator) => {
      await operator.goTo("conflicts", "Conflicts");
      await operator.follows("products chair");
      await operator.isAt("products chair");
      await operator.keys.press("2");
      await operator.keys.isOn("Decide: Take phone");
      await operator.keys.press("Enter");
      await operator.says("Decided: Take phone.");
      expect(await record("products", "chair")).toEqual({ price: 11 });
    }, mara.token);
  });

  test("what a record holds is text, whatever it looks like", async () => {
    const evil = `<img src=x onerror="document.title='done'"><script>document.title='done'</script>`;
    await devices.disagree("contacts", "<b>bold</b>", { note: "old" }, { set: { "/note": evil } }, { set: { "/note": `${evil} or so` } });
    await atDesk(async (operator) => {
      await operator.goTo("conflicts", "Conflicts");
      await operator.follows("contacts <b>bold</b>");
      await operator.isAt("contacts <b>bold</b>");
      await operator.says(`${evil} or so`);
      await operator.keys.press("1");
      await operator.keys.isOn("Decide: Take laptop");
      expect(await operator.tab.run(() => [document.querySelectorAll("main b, main img, main script").length, document.title])).toEqual([0, "contacts <b>bold</b> · Syncline"]);
      await operator.follows("All of the record's history");
      await operator.isAt("Records");
      await operator.says(evil);
      expect(await operator.tab.run(() => document.querySelectorAll("main b, main img, main script").length)).toBe(0);
      await hub.ask("DELETE", `/v1/entities/contacts/records/${encodeURIComponent("<b>bold</b>")}`);
    });
  });

  test("axe and the width of a phone see what is planted", async () => {
    await atDesk(async (operator) => {
      await operator.goTo("conflicts", "Conflicts");
      await operator.tab.run(() => {
        document.querySelector("main")?.insertAdjacentHTML("beforeend", `<button></button><pre class="planted">${"wide".repeat(200)}</pre>`);
      });
      const faults = await operator.faults();
      expect(faults).toEqual(expect.arrayContaining([expect.stringMatching(/^dark: button-name/), expect.stringMatching(/^phone: wider than the screen.*PRE planted/)]));
    });
  });
});
