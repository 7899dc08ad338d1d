/** `/api/enrollments`: who is enrolled in what. */

import { randomUUID } from "node:crypto";
import { createApiResponse, formatEnrollmentWithTimestamps, SyncEventType, SyncService } from "@syncline/app";
import { changeTo, noted, syncedNow } from "../emitting.js";
import { recordOf, recordsOf } from "../records.js";
import { Said } from "../unfit.js";

export const STATUSES = ["active", "paused", "completed", "cancelled"] as const;

/** `GET ?userId=…`: the enrollments of a learner. */
export async function listEnrollments(request: Request): Promise<Response> {
  const enrollments = await recordsOf("enrollments_of_user", { userId: Said.inQuery(request).needed("userId") });
  return createApiResponse({ success: true, enrollments: enrollments.map(({ id, record }) => formatEnrollmentWithTimestamps({ ...record, id })) });
}

/** `POST {userId, courseId, status?}` makes one, with the `id` of one changes it. The answer says whether everybody was told. */
export async function saveEnrollment(request: Request): Promise<Response> {
  const said = await Said.inBody(request);
  const given = said.text("id");
  const id = given ?? `enrollment-${randomUUID()}`;
  const held = given === undefined ? undefined : await recordOf("enrollment", id);
  const now = new Date().toISOString();
  const before = held?.record ?? { id, userId: said.needed("userId"), courseId: said.needed("courseId"), status: "active", enrolledAt: now };
  const enrollment = { ...before, status: said.oneOf("status", STATUSES) ?? before["status"], lastAccessedAt: now, updatedAt: now };

  const type = held === undefined ? SyncEventType.ENROLLMENT_CREATED : SyncEventType.ENROLLMENT_UPDATED;
  await noted(type, "enrollment", id, () => SyncService.emitEnrollmentEvent(type, id, enrollment, { change: changeTo(held, enrollment) }));
  const synced = await syncedNow(id);
  return createApiResponse({ success: true, enrollment: formatEnrollmentWithTimestamps(enrollment) }, { status: held === undefined ? 201 : 200, ...synced });
}
