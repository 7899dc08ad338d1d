/** `/api/admin/students`: all students, for admins. */

import { createPaginatedResponse } from "@syncline/app";
import { everyRecord } from "../records.js";
import { ENTITIES, studentsOf } from "../students.js";
import { Said, Unfit } from "../unfit.js";

/** `GET ?page=1&per_page=50` */
export async function listStudents(request: Request): Promise<Response> {
  await demandAdmin(request);
  const said = Said.inQuery(request);
  const [page, perPage] = [said.number("page", 1, 1_000_000) ?? 1, said.number("per_page", 1, 1_000) ?? 50];
  const students = studentsOf((await everyRecord({ entities: ENTITIES.join(",") })).records);
  return createPaginatedResponse(students.slice((page - 1) * perPage, page * perPage), { page, perPage, total: students.length });
}

/** The hub knows who is an admin: by its own tokens, or by the session cookie of NextAuth. So there is one answer to that question. */
async function demandAdmin({ headers }: Request): Promise<void> {
  const shown = ["authorization", "cookie"].flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const answer = await fetch(`${process.env["SYNCLINE_URL"]}/api/sync/status`, { headers: Object.fromEntries(shown), signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  await answer?.body?.cancel();
  if (answer?.status === 401 || answer?.status === 403) throw new Unfit(answer.status, "NOT_AN_ADMIN", "this is for admins");
  if (answer?.ok !== true) throw new Unfit(503, "HUB_UNREACHABLE", "the hub does not say who is an admin");
}
