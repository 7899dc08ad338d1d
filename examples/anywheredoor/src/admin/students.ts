/** What the page of the panel asks for. */

import { createApiResponse, SyncEventType, SyncMonitor, SyncService } from "@syncline/app";
import { changeTo, noted } from "../emitting.js";
import { STATUSES } from "../learner/enrollments.js";
import { studentsOf } from "../students.js";
import { Said, Unfit } from "../unfit.js";
import type { Copy } from "./copy.js";

/** Returns all students, as the panel knows them. */
export function listStudents(copy: Copy): Response {
  return createApiResponse({ success: true, students: studentsOf(copy.all()) });
}

/** `POST /api/enrollments {id, status}`: an admin changes an enrollment; the learner app has it from the hub. */
export async function saveStatus(request: Request, copy: Copy): Promise<Response> {
  const said = await Said.inBody(request);
  const [id, status] = [said.needed("id"), said.oneOf("status", STATUSES)];
  const held = copy.get("enrollment", id);
  if (held === undefined) throw new Unfit(404, "ENROLLMENT_UNKNOWN", "there is no such enrollment");
  if (status === undefined) throw new Unfit(422, "MEMBER_MISSING", "status is missing");
  const enrollment = { ...held.record, status, updatedAt: new Date().toISOString() };
  const type = SyncEventType.ENROLLMENT_UPDATED;
  // Nothing is done here: the hub tells the panel of it as of any other change, and so nothing goes round in a circle.
  await noted(type, "enrollment", id, () => SyncService.emitEnrollmentEvent(type, id, enrollment, { change: changeTo(held, enrollment) }));
  return createApiResponse({ success: true });
}

/** Returns how synchronising goes. */
export async function readHealth(): Promise<Response> {
  const [health, queue] = await Promise.all([SyncMonitor.checkSyncHealth(), SyncService.readQueueStats().catch(() => SyncService.getQueueStats())]);
  return createApiResponse({ success: true, health, queue });
}
