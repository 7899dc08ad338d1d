import { createHmac, generateKeyPairSync, sign as nodeSign, verify as nodeVerify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signWebhook, verifyWebhook, type VerifyOptions } from "../src/webhook.js";

/** The example of Standard Webhooks. */
const STANDARD = {
  secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
  id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
  at: new Date(1_649_367_553_000),
  body: '{"email":"test@example.com","username":"test_user"}',
  signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
};

/** An event of spec 004 under its secret. */
const PLAIN = {
  secret: "your-webhook-secret-here",
  body: '{"id":"event-123","type":"enrollment.created","resourceId":"enrollment-123","resourceType":"enrollment","data":{"status":"active"},"timestamp":"2024-01-31T12:00:00.000Z","retryCount":0,"status":"pending"}',
  signature: "03af6a787cfae486312cfaaaffe53914b1422cfcbe84c1ea7e30d4161b12277c",
};

const OTHER = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;

/** A key pair that Node has made, in the form of Standard Webhooks. */
function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { d = "", x = "" } = privateKey.export({ format: "jwk" });
  const [seed, half] = [Buffer.from(d, "base64url"), Buffer.from(x, "base64url")];
  const text = (prefix: string, ...parts: readonly Buffer[]): string => prefix + Buffer.concat(parts).toString("base64");
  return { privateKey, publicKey, seed: text("whsk_", seed), pair: text("whsk_", seed, half), public: text("whpk_", half), half };
}

const standard = { "webhook-id": STANDARD.id, "webhook-timestamp": "1649367553", "webhook-signature": STANDARD.signature };
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "verified", (error: { code?: unknown }) => error.code);
const check = (headers: Record<string, string>, options: VerifyOptions, body = STANDARD.body): Promise<unknown> => code(verifyWebhook(headers, body, { now: STANDARD.at, ...options }));

describe("signing", () => {
  test("makes what Standard Webhooks and spec 004 have as examples, and both at once", async () => {
    const { secret, id, at, body, signature } = STANDARD;
    expect(await signWebhook({ id, timestamp: at, body, secrets: secret })).toEqual(standard);
    expect((await signWebhook({ id: "event-123", body: PLAIN.body, plainSecrets: PLAIN.secret }))["x-webhook-signature"]).toBe(PLAIN.signature);
    const both = await signWebhook({ id, timestamp: at, body, secrets: [secret, OTHER], plainSecrets: PLAIN.secret });
    expect(both["webhook-signature"]).toMatch(new RegExp(`^${signature.replaceAll(/[+/]/g, "\\$&")} v1,[A-Za-z0-9+/]{43}=$`));
    expect(both["x-webhook-signature"]).toBe(createHmac("sha256", PLAIN.secret).update(body).digest("hex"));
  });

  test("with a key pair makes what Node verifies", async () => {
    const made = keyPair();
    for (const secrets of [made.seed, made.pair]) {
      const headers = await signWebhook({ id: "msg_1", timestamp: STANDARD.at, body: STANDARD.body, secrets });
      const [, encoded = ""] = /^v1a,(.+)$/.exec(headers["webhook-signature"] ?? "") ?? [];
      const content = Buffer.from(`msg_1.1649367553.${STANDARD.body}`);
      expect(nodeVerify(null, content, made.publicKey, Buffer.from(encoded, "base64"))).toBe(true);
    }
  });

  test("refuses ids that could be parted otherwise, and secrets that are none, without a word of them", async () => {
    const made = keyPair();
    const torn = `whsk_${Buffer.concat([Buffer.alloc(32, 1), made.half]).toString("base64")}`;
    const secrets = ["", "canary", "whsec_", "whsec_canary!", `whsec_${Buffer.alloc(23).toString("base64")}`, `whsec_${Buffer.alloc(65).toString("base64")}`, `${OTHER}\n`, `whsk_${Buffer.alloc(48).toString("base64")}`, torn, made.public, OTHER.replace("B", "-")];
    for (const secret of secrets) {
      const error = await signWebhook({ id: "msg_1", body: "", secrets: secret }).catch((error: unknown) => error);
      expect(error, secret).toMatchObject({ code: "WEBHOOK_SECRET_INVALID" });
      expect(String(error)).not.toContain("canary");
    }
    expect(await code(signWebhook({ id: "msg_1", body: "", plainSecrets: "" }))).toBe("WEBHOOK_SECRET_INVALID");
    expect(await code(signWebhook({ id: "msg_1", body: "", secrets: Array<string>(9).fill(OTHER) }))).toBe("WEBHOOK_SECRET_INVALID");
    expect(await code(signWebhook({ id: "msg_1", body: "" }))).toBe("WEBHOOK_SECRET_LACKING");
    for (const id of ["", "a.b", "a b", "é", "x".repeat(129)]) expect(await code(signWebhook({ id, body: "", secrets: OTHER })), id).toBe("EVENT_ID_INVALID");
  });
});

describe("verifying", () => {
  test("takes the examples, whatever form headers and body have", async () => {
    const options = { secrets: STANDARD.secret, now: STANDARD.at };
    const shouted = Object.fromEntries(Object.entries(standard).map(([name, value]) => [name.toUpperCase(), value]));
    for (const headers of [standard, shouted, new Headers(standard)]) {
      for (const body of [STANDARD.body, Buffer.from(STANDARD.body), new TextEncoder().encode(STANDARD.body).buffer]) {
        expect(await verifyWebhook(headers, body, options)).toEqual({ id: STANDARD.id, isStandard: true });
      }
    }
    for (const signature of [PLAIN.signature, PLAIN.signature.toUpperCase(), `sha256=${PLAIN.signature}`]) {
      expect(await verifyWebhook({ "x-webhook-signature": signature }, PLAIN.body, { plainSecrets: PLAIN.secret })).toEqual({ id: undefined, isStandard: false });
    }
  });

  test("of bodies that are no text takes the very bytes", async () => {
    const body = Uint8Array.of(0, 255, 128, 10);
    const headers = await signWebhook({ id: "msg_1", body, secrets: OTHER, plainSecrets: "p" });
    expect(await check(headers, { secrets: OTHER, plainSecrets: "p", now: new Date() }, body as unknown as string)).toBe("verified");
  });

  test("any secret of a kind will do, and every signature that is there must hold", async () => {
    const made = keyPair();
    const sealed = nodeSign(null, Buffer.from(`${STANDARD.id}.1649367553.${STANDARD.body}`), made.privateKey).toString("base64");
    const plain = createHmac("sha256", PLAIN.secret).update(STANDARD.body).digest("hex");
    const rows: readonly (readonly [name: string, headers: Record<string, string>, options: VerifyOptions, expected: string])[] = [
      ["the second secret", standard, { secrets: [OTHER, STANDARD.secret] }, "verified"],
      ["the second signature", { ...standard, "webhook-signature": `v1,${"A".repeat(43)}= ${STANDARD.signature}` }, { secrets: STANDARD.secret }, "verified"],
      ["a version of tomorrow beside it", { ...standard, "webhook-signature": `v9,?? ${STANDARD.signature}` }, { secrets: STANDARD.secret }, "verified"],
      ["a public key", { ...standard, "webhook-signature": `v1a,${sealed}` }, { secrets: made.public }, "verified"],
      ["a signing key", { ...standard, "webhook-signature": `v1a,${sealed}` }, { secrets: made.seed }, "verified"],
      ["v1a as v1", { ...standard, "webhook-signature": `v1,${sealed}` }, { secrets: made.public }, "WEBHOOK_SIGNATURE_WRONG"],
      ["v1 as v1a", { ...standard, "webhook-signature": STANDARD.signature.replace("v1,", "v1a,") }, { secrets: STANDARD.secret }, "WEBHOOK_SIGNATURE_WRONG"],
      ["both", { ...standard, "x-webhook-signature": plain }, { secrets: STANDARD.secret, plainSecrets: PLAIN.secret }, "verified"],
      ["both, one wrong", { ...standard, "x-webhook-signature": PLAIN.signature }, { secrets: STANDARD.secret, plainSecrets: PLAIN.secret }, "WEBHOOK_SIGNATURE_WRONG"],
      ["both, the other wrong", { ...standard, "webhook-id": "msg_2", "x-webhook-signature": plain }, { secrets: STANDARD.secret, plainSecrets: PLAIN.secret }, "WEBHOOK_SIGNATURE_WRONG"],
      ["one that is not looked at", { ...standard, "x-webhook-signature": PLAIN.signature }, { secrets: STANDARD.secret }, "verified"],
      ["none that is taken", { "x-webhook-signature": plain }, { secrets: STANDARD.secret }, "WEBHOOK_UNSIGNED"],
      ["plain where only standard is taken", { "x-webhook-signature": plain }, { secrets: STANDARD.secret, plainSecrets: PLAIN.secret, accept: "standard" }, "WEBHOOK_UNSIGNED"],
      ["none at all", {}, { secrets: STANDARD.secret }, "WEBHOOK_UNSIGNED"],
      ["no secrets at all", standard, {}, "WEBHOOK_SECRET_LACKING"],
      ["no plain secret", { "x-webhook-signature": plain }, { secrets: STANDARD.secret, accept: "both" }, "WEBHOOK_SECRET_LACKING"],
      ["another secret", standard, { secrets: OTHER }, "WEBHOOK_SIGNATURE_WRONG"],
      ["another id", { ...standard, "webhook-id": "msg_2" }, { secrets: STANDARD.secret }, "WEBHOOK_SIGNATURE_WRONG"],
      ["another time", { ...standard, "webhook-timestamp": "1649367554" }, { secrets: STANDARD.secret }, "WEBHOOK_SIGNATURE_WRONG"],
      ["a time with a sign", { ...standard, "webhook-timestamp": "+1649367553" }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["an id with a full stop", { ...standard, "webhook-id": "a.b" }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["no comma", { ...standard, "webhook-signature": "v1" }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["no base64", { ...standard, "webhook-signature": "v1,-_-" }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["base64 with bits that mean nothing", { ...standard, "webhook-signature": STANDARD.signature.replace("w=", "x=") }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["seventeen signatures", { ...standard, "webhook-signature": Array<string>(17).fill(STANDARD.signature).join(" ") }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["a plain one cut", { "x-webhook-signature": plain.slice(1) }, { plainSecrets: PLAIN.secret }, "WEBHOOK_HEADER_MALFORMED"],
      ["no id", { "webhook-timestamp": "1649367553", "webhook-signature": STANDARD.signature }, { secrets: STANDARD.secret }, "WEBHOOK_UNSIGNED"],
      ["twice the same header", { ...standard, "Webhook-Id": "msg_2" }, { secrets: STANDARD.secret }, "WEBHOOK_HEADER_MALFORMED"],
    ];
    for (const [name, headers, options, expected] of rows) expect(await check(headers, options), name).toBe(expected);
    expect(await check(standard, { secrets: STANDARD.secret }, `${STANDARD.body} `), "another body").toBe("WEBHOOK_SIGNATURE_WRONG");
  });

  test("clocks may differ by five minutes, both ways and not a second more", async () => {
    for (const [seconds, expected] of [[300, "verified"], [-300, "verified"], [301, "WEBHOOK_TIMESTAMP_OUTSIDE"], [-301, "WEBHOOK_TIMESTAMP_OUTSIDE"]] as const) {
      const now = new Date(STANDARD.at.getTime() + seconds * 1000);
      expect(await check(standard, { secrets: STANDARD.secret, now }), String(seconds)).toBe(expected);
    }
    expect(await check(standard, { secrets: STANDARD.secret, now: new Date(STANDARD.at.getTime() + 10_000), toleranceS: 5 })).toBe("WEBHOOK_TIMESTAMP_OUTSIDE");
  });
});
