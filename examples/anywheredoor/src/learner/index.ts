/** The learner app. It reads and writes at the hub, by `SYNCLINE_URL` and `SYNCLINE_TOKEN`, and keeps nothing itself. */

import { serve } from "../http.js";
import { listEnrollments, saveEnrollment } from "./enrollments.js";
import { forward } from "./forward.js";
import { readProfile, saveProfile } from "./profile.js";
import { listProgress, saveProgress } from "./progress.js";
import { listStudents } from "./students.js";

await serve(
  {
    "GET /api/enrollments": listEnrollments,
    "POST /api/enrollments": saveEnrollment,
    "GET /api/profile": readProfile,
    "POST /api/profile": saveProfile,
    "GET /api/progress": listProgress,
    "POST /api/progress": saveProgress,
    "GET /api/admin/students": listStudents,
    "POST /api/webhooks/*": forward,
    "GET /api/sync/*": forward,
    "POST /api/sync/*": forward,
  },
  Number(process.env["PORT"] ?? 3000),
);
console.log("learner app ready");
