/** `/api/webhooks/sync`: what the hub tells the panel. */

import { createApiResponse, SynclineError, verifyWebhook } from "@syncline/app";
import { Unfit } from "../unfit.js";
import type { Copy } from "./copy.js";

/** Several with commas between them, while one takes the place of another. */
const SECRETS = (process.env["WEBHOOK_SECRET"] ?? "").split(",").filter((secret) => secret !== "");

/** Verifies a webhook and has the copy look at what it names. Answered with 200 only then: otherwise the hub tells of it again. */
export async function takeWebhook(request: Request, copy: Copy): Promise<Response> {
  // As it came, to the byte.
  const body = await request.arrayBuffer();
  try {
    await verifyWebhook(request.headers, body, { plainSecrets: SECRETS });
  } catch (error) {
    if (error instanceof SynclineError) throw new Unfit(401, error.code, error.message);
    throw error;
  }
  const { resourceType, resourceId, sequence } = JSON.parse(Buffer.from(body).toString("utf8")) as Readonly<Record<string, unknown>>;
  if (typeof resourceType !== "string" || typeof resourceId !== "string") throw new Unfit(422, "EVENT_INVALID", "an event names its resource");
  await copy.refresh(resourceType, resourceId, typeof sequence === "number" ? sequence : Infinity);
  return createApiResponse({ success: true });
}
