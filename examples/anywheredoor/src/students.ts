/** Students as the admin sees them: a person with enrollments, and with the progress in each. */

import { formatEnrollmentWithTimestamps, formatProgressWithTimestamps, progressId } from "@syncline/app";
import { profileOf } from "./profiles.js";
import type { Held } from "./records.js";

/** The kinds of records that make students. */
export const ENTITIES = ["user", "profile", "enrollment", "progress"] as const;

/** Puts records together by student, in the order of ids. A person of whom only an enrollment is known is a student, too. */
export function studentsOf(records: Iterable<Held>): readonly { readonly id: string }[] {
  const [users, profiles, progress] = [new Map<string, Held>(), new Map<string, Held>(), new Map<string, Held>()];
  const enrollments = new Map<string, Held[]>();
  const places: Readonly<Record<string, Map<string, Held>>> = { user: users, profile: profiles, progress };
  for (const held of records) {
    const place = places[held.entity];
    if (place !== undefined) place.set(held.id, held);
    else {
      const userId = String(held.record["userId"]);
      enrollments.set(userId, [...(enrollments.get(userId) ?? []), held]);
    }
  }
  const ids = [...new Set([...users.keys(), ...profiles.keys(), ...enrollments.keys()])].sort();
  return ids.map((id) => {
    const courses = (enrollments.get(id) ?? []).map((held) => {
      const found = progress.get(progressId(id, String(held.record["courseId"])));
      return { ...formatEnrollmentWithTimestamps({ ...held.record, id: held.id }), progress: found === undefined ? null : formatProgressWithTimestamps(found.record) };
    });
    const user = profileOf(id, users.get(id), profiles.get(id));
    const times = [user, ...courses, ...courses.flatMap((course) => course.progress ?? [])].flatMap((one) => one.last_updated_at ?? []);
    // Texts of one form are in the order of their times.
    return { ...user, enrollments: courses, last_updated_at: times.sort().at(-1) ?? null };
  });
}
