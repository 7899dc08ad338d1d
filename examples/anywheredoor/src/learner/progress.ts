/** `/api/progress`: how far a learner is in a course. */

import { createApiResponse, formatProgressWithTimestamps, progressId, SyncEventType, SyncService } from "@syncline/app";
import { changeTo, noted } from "../emitting.js";
import { recordOf, recordsOf } from "../records.js";
import { Said, Unfit } from "../unfit.js";

/** `GET ?userId=…` */
export async function listProgress(request: Request): Promise<Response> {
  const progress = await recordsOf("progress_of_user", { userId: Said.inQuery(request).needed("userId") });
  return createApiResponse({ success: true, progress: progress.map(({ record }) => formatProgressWithTimestamps(record)) });
}

/** `POST {userId, courseId, percent}` */
export async function saveProgress(request: Request): Promise<Response> {
  const said = await Said.inBody(request);
  const [userId, courseId, percent] = [said.needed("userId"), said.needed("courseId"), said.number("percent", 0, 100)];
  if (percent === undefined) throw new Unfit(422, "MEMBER_MISSING", "percent is missing");
  const id = progressId(userId, courseId);
  const held = await recordOf("progress", id);
  const now = new Date().toISOString();
  const completed = percent === 100 ? { completedAt: now } : {};
  const progress = { ...completed, ...held?.record, userId, courseId, percent, lastAccessedAt: now, updatedAt: now };

  await noted(SyncEventType.PROGRESS_UPDATED, "progress", id, () => SyncService.emitProgressEvent(userId, courseId, progress, { change: changeTo(held, progress) }));
  return createApiResponse({ success: true, progress: formatProgressWithTimestamps(progress) });
}
