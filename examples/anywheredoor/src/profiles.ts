/** A person as people see one: what the hub keeps of the user, and beside it what others tell of the profile. */

import { formatProfileWithTimestamps } from "@syncline/app";
import type { Held } from "./records.js";

/** Returns both as one; of what both say the user's counts, and of the times the later one. */
export function profileOf(id: string, user: Held | undefined, profile: Held | undefined): ReturnType<typeof formatProfileWithTimestamps<{ readonly id: string }>> {
  const [one, other] = [user, profile].map((held) => formatProfileWithTimestamps({ ...held?.record }).last_updated_at);
  // Texts of one form are in the order of their times.
  const updatedAt = [one, other].filter((time) => typeof time === "string").sort().at(-1);
  return formatProfileWithTimestamps({ ...profile?.record, ...user?.record, id, updatedAt });
}
