/**
 * The applications of spec 004 beside a hub, as scenes of the demo (`cargo xtask demo`): `ok` when they have come about.
 *
 *     node sdk/browsers/applications.js <number of the first scene>
 *
 * All of it stays up until its input ends.
 */

import { type Door, buildDoor, startDoor } from "../../anywheredoor/harness/door.js";
import { Browser, Profile } from "./browser.js";
import { Devices } from "./disagreements.js";
import { Operator } from "./operator.js";
import { until } from "./process.js";
import { type Receiver, startReceiver } from "./receiver.js";
import type { Tab } from "./tab.js";

/** Those who are enrolled while a receiver fails. */
const COURSES = ["rust-101", "sql-201", "web-301"] as const;

/** Plays the scenes, and ends with its input. */
export async function play([first = "1"]: readonly string[]): Promise<void> {
  const built = buildDoor();
  const profile = new Profile();
  let number = Number(first);
  const scene = (title: string): void => console.log(`\n${number++}. ${title}`);
  const door = await startDoor(built.folder);
  const receiver = await startReceiver();
  const browser = await Browser.start("chromium", profile);
  try {
    scene("An application's change is in the admin panel at once");
    const panel = await browser.open(door.admin);
    await inPanel(door, panel);

    scene("A receiver fails, and the dashboard shows why");
    const dashboard = { url: `${door.hub.url}/dashboard/`, close: async () => undefined };
    const operator = await Operator.signIn(browser, dashboard, door.hub.token);
    await fails(door, operator, receiver);

    scene("It is mended: what it missed is counted, and sent again");
    await again(operator, receiver);

    scene("Two devices disagree, and a person decides at the conflict desk");
    await decides(door, operator, panel);
  } finally {
    await browser.close();
    await profile.remove();
  }
  console.log(`   (the admin panel: ${door.admin}   the dashboard: ${door.hub.url}/dashboard/   its token: ${door.hub.state}/admin.token)`);
  console.log("ok");
  await new Promise((resolve) => process.stdin.once("end", resolve).once("close", resolve).resume());
  await door.stop();
  await receiver.close();
  built.remove();
}

function tell(text: string): void {
  console.log(`   ${text}`);
}

async function shows(tab: Tab, text: string): Promise<void> {
  await until(`the panel shows ${text}`, () => tab.run((wanted) => document.body.innerText.includes(wanted), text));
}

async function inPanel(door: Door, panel: Tab): Promise<void> {
  tell(`POST ${door.learner}/api/profile, /api/enrollments`);
  await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang", email: "mara@example.org" });
  await door.ask(`${door.learner}/api/enrollments`, { userId: "mara", courseId: COURSES[0] });
  for (const text of ["Mara Lang", COURSES[0], "Last updated: "]) await shows(panel, text);
  const said = await panel.run(() => [...document.querySelectorAll("sync-last-updated")].map((element) => element.textContent?.trim()).find((text) => text));
  tell(`the panel, in a browser: Mara Lang, ${COURSES[0]}; "${said ?? ""}"`);
}

async function fails(door: Door, operator: Operator, receiver: Receiver): Promise<void> {
  receiver.answer(500, "the table of courses is locked");
  await door.hub.ask("POST", "/v1/endpoints", { id: "crm", url: receiver.url, events: ["enrollment.*"], schedule: [0] });
  for (const courseId of COURSES) await door.ask(`${door.learner}/api/enrollments`, { userId: "jo", courseId });
  await until("all are dead letters", async () => {
    const { deliveries } = (await door.hub.ask("GET", "/v1/endpoints/crm/deliveries")) as { deliveries: readonly { state: string }[] };
    return deliveries.filter(({ state }) => state === "dead").length === COURSES.length;
  });
  tell(`${COURSES.length} enrollments are told to crm, which answers 500: they are dead letters`);
  await operator.goTo("endpoints/crm", "crm");
  await operator.keys.press("d");
  await operator.isAt("Deliveries of crm");
  await operator.keys.press("j", "Enter");
  await operator.says("500 after");
  await operator.opens("Answer, shortened and redacted");
  await operator.says("the table of courses is locked");
  tell('the dashboard says of an attempt: 500, "the table of courses is locked"');
}

async function again(operator: Operator, receiver: Receiver): Promise<void> {
  receiver.answer(200);
  const ids = (): readonly string[] => receiver.received.map(({ headers }) => headers["webhook-id"] ?? "");
  const failed = new Set(ids());
  const before = receiver.received.length;
  await operator.goTo("endpoints/crm/replay", "Replay to crm");
  await operator.presses("Count");
  await operator.says(`${COURSES.length} deliveries to send again.`);
  tell(`counted first: ${COURSES.length} deliveries to send again`);
  await operator.presses(`Send ${COURSES.length} deliveries again`);
  await until("they have arrived", () => receiver.received.length === before + COURSES.length);
  const same = ids().slice(before).every((id) => failed.has(id));
  if (!same) throw new Error("a replay has another id than what it repeats");
  tell("all have arrived, under the ids they had");
}

async function decides(door: Door, operator: Operator, panel: Tab): Promise<void> {
  const devices = await Devices.of(door.hub);
  const mara = { id: "mara", name: "Mara Lang", email: "mara@example.org", updatedAt: new Date().toISOString() };
  await devices.disagree("user", "mara", mara, { set: { "/email": "mara@laptop.example" } }, { set: { "/email": "mara@phone.example" } });
  tell("laptop and phone, both offline, have changed one e-mail address");
  await operator.goTo("conflicts", "Conflicts");
  await operator.follows("user mara");
  await operator.isAt("user mara");
  await operator.says("mara@laptop.example");
  await operator.keys.press("1");
  await operator.keys.isOn("Decide: Take laptop");
  await operator.says("The record would be");
  await operator.keys.press("Enter");
  await operator.says("Decided: Take laptop.");
  await until("the learner app has it", async () => {
    const { data } = await door.ask(`${door.learner}/api/profile?userId=mara`);
    return JSON.stringify(data).includes("mara@laptop.example");
  });
  await shows(panel, "mara@laptop.example");
  tell("decided at the desk, with a preview: laptop's; the learner app and the panel have it");
}
