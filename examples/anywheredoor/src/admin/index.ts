/** The admin panel. It is told of changes by webhooks and shows them; what it changes goes to the hub. It keeps nothing on a disk. */

import { serve } from "../http.js";
import { followChanges } from "./changes.js";
import { Copy } from "./copy.js";
import { elementsFile, index, pageFile } from "./page.js";
import { listStudents, readHealth, saveStatus } from "./students.js";
import { takeWebhook } from "./webhook.js";

/** How often it looks for what no webhook has told of, in milliseconds: of a panel that was away a hub thinks for a while that it still is. */
const CATCH_UP_MS = 4_000;

const copy = new Copy();
await copy.begin();
await serve(
  {
    "GET /": index,
    "GET /page/*": pageFile,
    "GET /elements/*": elementsFile,
    "GET /api/students": () => listStudents(copy),
    "GET /api/changes": () => followChanges(copy),
    "GET /api/health": readHealth,
    "POST /api/enrollments": (request) => saveStatus(request, copy),
    "POST /api/webhooks/sync": (request) => takeWebhook(request, copy),
  },
  Number(process.env["PORT"] ?? 3001),
);
// What came between reading everything and listening has been attempted, and is tried again; this does not wait for it.
await copy.catchUp();
setInterval(() => copy.catchUp().catch(() => console.error("the hub does not answer; trying again")), CATCH_UP_MS);
console.log("admin panel ready");
