/** The two applications of spec 004 over a hub. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { signWebhook } from "../../app/src/webhook.js";
import { buildDoor, type Door, SECRETS, startAll, startDoor } from "../harness/door.js";

const WAIT = { timeout: 30_000, interval: 20 };

interface Course {
  readonly id: string;
  readonly courseId: string;
  readonly status: string;
  readonly last_updated_at: string | null;
  readonly progress: { readonly percent: number } | null;
}

interface Student {
  readonly id: string;
  readonly name?: string;
  readonly enrollments: readonly Course[];
  readonly last_updated_at: string | null;
}

let built: { readonly folder: string; readonly remove: () => void };
beforeAll(() => {
  built = buildDoor();
});
afterAll(() => built.remove());

/** What the panel shows. */
async function students(door: Door): Promise<readonly Student[]> {
  return (await door.ask(`${door.admin}/api/students`)).data["students"] as readonly Student[];
}

async function enroll(door: Door, userId: string, courseId: string): Promise<string> {
  const { status, data } = await door.ask(`${door.learner}/api/enrollments`, { userId, courseId });
  expect(status).toBe(201);
  return (data["enrollment"] as Course).id;
}

test("one command starts everything, brings back what is killed, keeps all over a restart, and ends it", async () => {
  const post = async (url: string, body: unknown): Promise<void> => {
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
  };
  const shown = async (admin: string): Promise<string> => (await fetch(`${admin}/api/students`)).text();
  // While it is away the request fails, and is made again.
  for (const isFirst of [true, false]) {
    const all = await startAll(built.folder);
    try {
      if (isFirst) {
        process.kill(all.panel, "SIGKILL");
        await post(`${all.learner}/api/profile`, { userId: "mara", name: "Mara Lang" });
      }
      await vi.waitFor(async () => expect(await shown(all.admin)).toContain("Mara Lang"), isFirst ? WAIT : {});
    } finally {
      expect(await all.end()).toBe(0);
    }
  }
});

describe("over a hub", () => {
  let door: Door;
  beforeEach(async () => {
    door = await startDoor(built.folder);
  });
  afterEach(() => door.stop());

  test("routes answer in the envelope of spec 004, with the times of their records", async () => {
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang", email: "mara@example.org" });
    const id = await enroll(door, "mara", "rust-101");
    await door.ask(`${door.learner}/api/progress`, { userId: "mara", courseId: "rust-101", percent: 40 });
    const metadata = { timestamp: time, version: "1.0" };
    const [enrollments, profile, progress] = await Promise.all(["enrollments", "profile", "progress"].map((route) => door.ask(`${door.learner}/api/${route}?userId=mara`)));
    const enrollment = { id, userId: "mara", courseId: "rust-101", status: "active", last_updated_at: time, enrolled_at: time, last_accessed_at: time };
    expect(enrollments).toMatchObject({ status: 200, data: { success: true, enrollments: [enrollment] }, metadata });
    expect(profile).toMatchObject({ status: 200, data: { success: true, profile: { id: "mara", name: "Mara Lang", last_updated_at: time } }, metadata });
    expect(progress).toMatchObject({ status: 200, data: { success: true, progress: [{ userId: "mara", courseId: "rust-101", percent: 40, last_updated_at: time, completed_at: null, last_accessed_at: time }] }, metadata });
    expect(await door.ask(`${door.learner}/api/enrollments?userId=jo`)).toMatchObject({ status: 200, data: { enrollments: [] } });
  });

  test("what cannot be meant is refused with a code and changes nothing", async () => {
    const id = await enroll(door, "mara", "rust-101");
    const log = async (): Promise<unknown> => door.hub.ask("GET", "/v1/log");
    const before = await log();
    const cases = [
      ["/api/enrollments", { userId: "mara" }, 422, "MEMBER_MISSING"],
      ["/api/enrollments", { id, status: "lost" }, 422, "MEMBER_INVALID"],
      ["/api/enrollments", [], 400, "BODY_INVALID"],
      ["/api/profile", { userId: "mara" }, 422, "MEMBER_MISSING"],
      ["/api/profile", { userId: "mara", name: 7 }, 422, "MEMBER_INVALID"],
      ["/api/progress", { userId: "mara", courseId: "rust-101", percent: 101 }, 422, "MEMBER_INVALID"],
      ["/api/nothing", {}, 404, "NOT_FOUND"],
    ] as const;
    for (const [path, body, status, code] of cases) {
      expect(await door.ask(door.learner + path, body), path).toMatchObject({ status, data: { success: false, error: { code } }, metadata: { version: "1.0" } });
    }
    const form = await fetch(`${door.admin}/api/enrollments`, { method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify({ id, status: "paused" }) });
    expect(form.status).toBe(415);
    expect(await log()).toEqual(before);
  });

  test("an enrollment is with the panel before its answer is with the learner", async () => {
    for (let n = 0; n < 5; n += 1) {
      const { data, metadata } = await door.ask(`${door.learner}/api/enrollments`, { userId: "mara", courseId: `course-${n}` });
      const { id } = data["enrollment"] as Course;
      expect(metadata).toMatchObject({ sync_status: "synced", last_synced_at: expect.any(String) as unknown });
      expect((await students(door))[0]?.enrollments.map((one) => one.id)).toContain(id);
    }
  });

  test("a profile and progress reach the panel by themselves, and what it changes reaches the learner, without going round in a circle", async () => {
    await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang" });
    await door.ask(`${door.learner}/api/progress`, { userId: "mara", courseId: "rust-101", percent: 40 });
    const id = await enroll(door, "mara", "rust-101");
    await vi.waitFor(async () => expect(await students(door)).toMatchObject([{ id: "mara", name: "Mara Lang", enrollments: [{ id, status: "active", progress: { percent: 40 } }] }]), WAIT);

    expect(await door.ask(`${door.admin}/api/enrollments`, { id, status: "paused" })).toMatchObject({ status: 200 });
    const { data } = await door.ask(`${door.learner}/api/enrollments?userId=mara`);
    expect(data["enrollments"]).toMatchObject([{ id, status: "paused" }]);
    await vi.waitFor(async () => expect(await students(door)).toMatchObject([{ enrollments: [{ status: "paused" }] }]), WAIT);

    // Everybody has been told of everything, and nothing came of that: two entries for each of the four calls.
    const idle = async (): Promise<unknown> => {
      const { endpoints } = (await door.hub.ask("GET", "/v1/endpoints")) as { endpoints: readonly { pending: number; lag: number }[] };
      return endpoints.map(({ pending, lag }) => pending + lag);
    };
    await vi.waitFor(async () => expect(await idle()).toEqual([0]), WAIT);
    const { entries } = (await door.hub.ask("GET", "/v1/log")) as { entries: readonly { kind: string }[] };
    expect(entries.map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => ["write", "event"]).flat());
  });

  test("both change one enrollment at once: different fields of both stay, and both applications show the same", async () => {
    const id = await enroll(door, "mara", "rust-101");
    await door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara", email: "m@example.org" });
    await vi.waitFor(async () => expect(await students(door)).toMatchObject([{ name: "Mara", enrollments: [{ id }] }]), WAIT);
    const answers = await Promise.all([
      door.ask(`${door.admin}/api/enrollments`, { id, status: "paused" }),
      ...[20, 60, 40].map((percent) => door.ask(`${door.learner}/api/progress`, { userId: "mara", courseId: "rust-101", percent })),
      door.ask(`${door.learner}/api/profile`, { userId: "mara", name: "Mara Lang" }),
      door.ask(`${door.learner}/api/profile`, { userId: "mara", email: "mara@example.org" }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect((await door.ask(`${door.learner}/api/profile?userId=mara`)).data["profile"]).toMatchObject({ name: "Mara Lang", email: "mara@example.org" });
    const { data } = await door.ask(`${door.learner}/api/progress?userId=mara`);
    const [progress] = data["progress"] as readonly { readonly percent: number }[];
    await vi.waitFor(async () => expect(await students(door)).toMatchObject([{ name: "Mara Lang", email: "mara@example.org", enrollments: [{ status: "paused", progress: { percent: progress?.percent } }] }]), WAIT);
  });

  test("a panel that is killed again and again, in the middle of changes, misses nothing when it is back", async () => {
    const ids: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const enrolling = Array.from({ length: 8 }, (_, n) => enroll(door, `user-${round}-${n}`, "rust-101"));
      await enrolling[0];
      await door.killPanel();
      ids.push(...(await Promise.all(enrolling)));
      // Made while there is no panel at all.
      const away = await door.ask(`${door.learner}/api/enrollments`, { userId: `user-${round}-0`, courseId: "away" });
      expect(away).toMatchObject({ status: 201, metadata: { sync_status: "pending", last_synced_at: null } });
      ids.push((away.data["enrollment"] as Course).id);
      await door.startPanel();
    }
    const shown = async (): Promise<readonly string[]> => (await students(door)).flatMap(({ enrollments }) => enrollments.map(({ id }) => id));
    expect([...(await shown())].sort()).toEqual([...ids].sort());
    const { id } = (await students(door))[0]?.enrollments[0] ?? { id: "" };
    expect(await door.ask(`${door.admin}/api/enrollments`, { id, status: "completed" })).toMatchObject({ status: 200 });
    await vi.waitFor(async () => expect((await students(door)).flatMap(({ enrollments }) => enrollments).find((one) => one.id === id)?.status).toBe("completed"), WAIT);
  });

  test("the panel looks at nothing that was not signed with its secret", async () => {
    const id = await enroll(door, "mara", "rust-101");
    const body = JSON.stringify({ id: "e-1", type: "enrollment.updated", resourceType: "enrollment", resourceId: id, data: {}, timestamp: new Date().toISOString() });
    const send = async (headers: Readonly<Record<string, string>>): Promise<readonly [number, unknown]> => {
      const answer = await fetch(`${door.admin}/api/webhooks/sync`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
      const { data } = (await answer.json()) as { data: { error?: { code: string } } };
      return [answer.status, data.error?.code];
    };
    const signed = (secret: string): Promise<Record<string, string>> => signWebhook({ id: "e-1", body, plainSecrets: secret });
    expect(await send({})).toEqual([401, "WEBHOOK_UNSIGNED"]);
    expect(await send(await signed("another"))).toEqual([401, "WEBHOOK_SIGNATURE_WRONG"]);
    expect(await send(await signed(SECRETS.WEBHOOK_SECRET))).toEqual([200, undefined]);
  });

  test("no other page's name leads to the applications", async () => {
    const { request } = await import("node:http");
    const statusOf = (url: string, host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => request(url, { headers: { host } }, (answer) => (answer.resume(), resolve(answer.statusCode))).on("error", reject).end());
    for (const application of [door.learner, door.admin]) expect(await statusOf(`${application}/api/students`, "evil.example")).toBe(421);
  });
});
