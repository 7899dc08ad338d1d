/** `/api/profile`: who a learner is. */

import { createApiResponse, formatProfileWithTimestamps, SyncEventType, SyncService } from "@syncline/app";
import { changeTo, noted } from "../emitting.js";
import { profileOf } from "../profiles.js";
import { recordOf } from "../records.js";
import { Said, Unfit } from "../unfit.js";

const MEMBERS = ["name", "email", "image"] as const;

/** `GET ?userId=…` */
export async function readProfile(request: Request): Promise<Response> {
  const id = Said.inQuery(request).needed("userId");
  const [user, profile] = await Promise.all([recordOf("user", id), recordOf("profile", id)]);
  if (user === undefined && profile === undefined) throw new Unfit(404, "PROFILE_UNKNOWN", "nobody has this id");
  return createApiResponse({ success: true, profile: profileOf(id, user, profile) });
}

/** `POST {userId, name?, email?, image?}`: what is not named stays. */
export async function saveProfile(request: Request): Promise<Response> {
  const said = await Said.inBody(request);
  const id = said.needed("userId");
  const told = MEMBERS.flatMap((name) => {
    const text = said.text(name);
    return text === undefined ? [] : [[name, text] as const];
  });
  if (told.length === 0) throw new Unfit(422, "MEMBER_MISSING", `one of ${MEMBERS.join(", ")} is needed`);
  const held = await recordOf("user", id);
  const now = new Date().toISOString();
  const profile = { id, createdAt: now, ...held?.record, ...Object.fromEntries(told), updatedAt: now };

  await noted(SyncEventType.PROFILE_UPDATED, "user", id, () => SyncService.emitProfileEvent(id, profile, { change: changeTo(held, profile) }));
  return createApiResponse({ success: true, profile: formatProfileWithTimestamps(profile) });
}
