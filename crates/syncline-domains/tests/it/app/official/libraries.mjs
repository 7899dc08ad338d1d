import { createPublicKey, verify } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

// The libraries stand in the folder that the first argument names.
const { Webhook } = createRequire(`${process.argv[2]}/`)("standardwebhooks");
/** What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410). */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

function isEd25519(secret, id, timestamp, signature, body) {
  const raw = Buffer.from(secret.slice("whpk_".length), "base64");
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const given = signature.split(" ").filter((one) => one.startsWith("v1a,"));
  return given.some((one) => verify(null, content, key, Buffer.from(one.slice(4), "base64")));
}

function isVerified(secret, id, timestamp, signature, body) {
  if (secret.startsWith("whpk_")) return isEd25519(secret, id, timestamp, signature, body);
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error.message === "No matching signature found") return false;
    throw error;
  }
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [secret, id, timestamp, signature, hex] = line.split("\t");
  const body = Buffer.from(hex, "hex");
  if (!isVerified(secret, id, timestamp, signature, body)) throw new Error(`${id} is not verified`);
  const other = Buffer.concat([body, Buffer.from(" ")]);
  if (isVerified(secret, id, timestamp, signature, other)) throw new Error(`${id}: another body is verified`);
  const isAsymmetric = secret.startsWith("whpk_");
  const at = new Date(Number(timestamp) * 1000);
  console.log(isAsymmetric ? "" : new Webhook(secret).sign(id, at, body));
}
