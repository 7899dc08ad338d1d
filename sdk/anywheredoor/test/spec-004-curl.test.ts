/** The commands of spec 004 as they stand there, run by a shell with a real `curl`: only its placeholders and the host are filled in. */

import { execFile } from "node:child_process";
import { createCipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildDoor, type Door, SECRETS, startDoor } from "../harness/door.js";

const WAIT = { timeout: 30_000, interval: 20 };

const CRON = `* * * * * curl -X POST https://your-domain.com/api/sync/process \\
  -H "x-cron-secret: your-cron-secret-here"`;

const ENROLLMENT = `curl -X POST http://localhost:3000/api/webhooks/enrollment-changed \\
  -H "Content-Type: application/json" \\
  -H "x-webhook-signature: <signature>" \\
  -d '{
    "id": "event-123",
    "type": "enrollment.created",
    "resourceId": "enrollment-123",
    "resourceType": "enrollment",
    "data": { ... },
    "timestamp": "2024-01-31T12:00:00.000Z",
    "retryCount": 0,
    "status": "pending"
  }'`;

const PROFILE = `curl -X POST http://localhost:3000/api/webhooks/profile-updated \\
  -H "Content-Type: application/json" \\
  -H "x-webhook-signature: <signature>" \\
  -d '{
    "id": "event-456",
    "type": "profile.updated",
    "resourceId": "user-123",
    "resourceType": "user",
    "data": { ... },
    "timestamp": "2024-01-31T12:00:00.000Z",
    "retryCount": 0,
    "status": "pending"
  }'`;

const STATUS = `curl http://localhost:3000/api/sync/status \\
  -H "Cookie: next-auth.session-token=<token>"`;

const HEALTH = `curl http://localhost:3000/api/sync/health \\
  -H "Cookie: next-auth.session-token=<token>"`;

const PROCESS = `curl -X POST http://localhost:3000/api/sync/process \\
  -H "x-cron-secret: your-cron-secret-here"`;

let built: { readonly folder: string; readonly remove: () => void };
let door: Door;
let home: string;
beforeAll(async () => {
  built = buildDoor();
  door = await startDoor(built.folder);
  // The status of an answer is wanted as well, and the commands stay as they are.
  home = mkdtempSync(join(tmpdir(), "syncline-curl-"));
  writeFileSync(join(home, ".curlrc"), 'silent\nwrite-out = "\\n%{http_code}"\n');
});
afterAll(async () => {
  await door.stop();
  built.remove();
  rmSync(home, { recursive: true, force: true });
});

/** What stands in place of the placeholders. */
interface Filled {
  readonly data?: object;
  readonly secret?: string;
  readonly token?: string;
}

/** Fills in a command and runs it; answers with the status and what came. */
async function run(command: string, { data = {}, secret = SECRETS.WEBHOOK_SECRET, token = "" }: Filled = {}): Promise<readonly [status: number, body: Readonly<Record<string, unknown>>]> {
  const told = command.replace("{ ... }", JSON.stringify(data)).replace(/^(\* ){5}/, "").replace("<token>", token);
  const body = /-d '([^']*)'/.exec(told)?.[1] ?? "";
  const signed = told.replace("<signature>", createHmac("sha256", secret).update(body).digest("hex"));
  const hosted = signed.replace(/https?:\/\/(localhost:3000|your-domain\.com)/, door.learner);
  const { stdout } = await promisify(execFile)("bash", ["-c", hosted], { env: { ...process.env, CURL_HOME: home } });
  const [, said = "", status = ""] = /^([\s\S]*)\n(\d+)$/.exec(stdout) ?? [];
  return [Number(status), JSON.parse(said) as Record<string, unknown>];
}

/** What is in an answer, in an envelope or not. */
function inside(body: Readonly<Record<string, unknown>>): unknown {
  return body["metadata"] === undefined ? body : body["data"];
}

/** A session as NextAuth 4 encrypts it. */
function sessionOf(claims: object): string {
  const part = (bytes: string | Buffer): string => Buffer.from(bytes).toString("base64url");
  const key = Buffer.from(hkdfSync("sha256", SECRETS.NEXTAUTH_SECRET, "", "NextAuth.js Generated Encryption Key", 32));
  const head = part(JSON.stringify({ alg: "dir", enc: "A256GCM" }));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(head));
  const now = Math.floor(Date.now() / 1000);
  const content = Buffer.concat([cipher.update(JSON.stringify({ sub: "admin-1", iat: now, exp: now + 3_600, jti: "j-1", ...claims })), cipher.final()]);
  return [head, "", part(nonce), part(content), part(cipher.getAuthTag())].join(".");
}

const shown = async (): Promise<unknown> => (await door.ask(`${door.admin}/api/students`)).data["students"];

test("the webhook of an enrollment is applied, comes to the panel, and is applied once", async () => {
  const data = { userId: "user-123", courseId: "rust-101", status: "active", updatedAt: "2024-01-31T12:00:00.000Z" };
  const [status] = await run(ENROLLMENT, { data });
  expect(status).toBe(200);
  const { data: found } = await door.ask(`${door.learner}/api/enrollments?userId=user-123`);
  expect(found["enrollments"]).toMatchObject([{ id: "enrollment-123", courseId: "rust-101", status: "active", last_updated_at: "2024-01-31T12:00:00.000Z" }]);
  await vi.waitFor(async () => expect(await shown()).toMatchObject([{ id: "user-123", enrollments: [{ id: "enrollment-123" }] }]), WAIT);
  const [again, body] = await run(ENROLLMENT, { data });
  expect([again, inside(body)]).toMatchObject([200, { duplicate: true }]);
  expect((await run(ENROLLMENT, { data, secret: "another" }))[0]).toBe(401);
});

test("the webhook of a profile is applied and comes to the panel", async () => {
  const [status] = await run(PROFILE, { data: { name: "Mara Lang", email: "mara@example.org" } });
  expect(status).toBe(200);
  const { data: found } = await door.ask(`${door.learner}/api/profile?userId=user-123`);
  expect(found["profile"]).toMatchObject({ id: "user-123", name: "Mara Lang", email: "mara@example.org" });
  await vi.waitFor(async () => expect(JSON.stringify(await shown())).toContain("Mara Lang"), WAIT);
});

test("status and health are for who has the session of an admin, as are all students", async () => {
  const admin = sessionOf({ role: "admin" });
  const [status, queue] = await run(STATUS, { token: admin });
  expect([status, inside(queue)]).toMatchObject([200, { total: expect.any(Number) as number, processing: expect.any(Number) as number, pending: expect.any(Number) as number, failed: expect.any(Number) as number }]);
  const [healthy, health] = await run(HEALTH, { token: admin });
  expect([healthy, inside(health)]).toMatchObject([200, { healthy: true, failureStats: { totalFailures: expect.any(Number) as number } }]);
  const students = (token: string): Promise<{ readonly status: number }> => door.ask(`${door.learner}/api/admin/students`, undefined, { cookie: `next-auth.session-token=${token}` });
  expect(await students(admin)).toMatchObject({ status: 200, metadata: { version: "1.0", pagination: { page: 1 } } });
  for (const token of [sessionOf({ role: "student" }), sessionOf({}), `${admin.slice(0, -1)}${admin.endsWith("A") ? "B" : "A"}x`, ""]) {
    for (const command of [STATUS, HEALTH]) expect([401, 403]).toContain((await run(command, { token }))[0]);
    expect([401, 403]).toContain((await students(token)).status);
  }
});

test("the queue is processed for who has the secret of the cron job, and for Vercel's", async () => {
  for (const command of [CRON, PROCESS]) {
    const [status, body] = await run(command);
    expect([status, inside(body)]).toMatchObject([200, { pending: expect.any(Number) as number }]);
    expect((await run(command.replace("your-cron-secret-here", "another")))[0]).toBe(401);
  }
  const vercel = (secret: string): Promise<Response> => fetch(`${door.learner}/api/sync/process`, { headers: { authorization: `Bearer ${secret}` } });
  expect([(await vercel(SECRETS.CRON_SECRET)).status, (await vercel("another")).status]).toEqual([200, 401]);
});
