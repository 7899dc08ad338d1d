/**
 * What a person opens in a working life of twelve weeks, made from a seed.
 *
 * It is made, not recorded: no person's habits are in it. What it imitates, and by which numbers:
 *
 * - **records**: 600 in 12 projects, besides 8 places that belong to none (inbox, board, calendar, …);
 * - **habits**: of a day's 3 to 6 sessions each follows one of 7 routines for one of the 4 projects that this routine is about
 *   now, some of them mostly in the morning or the evening: the inbox and its newest, a project's board with its tasks in order,
 *   a note and what it links to, going back to a list after each detail;
 * - **noise**: a step of a routine is left out (10 %), and in between something else is opened (15 %): half of it popular
 *   (Zipf, 1.1), half of it anything;
 * - **drift**: every twelve days two routines give up one project for another, and new tasks come;
 * - **pace**: thinking takes 8 s in the mean (exponentially), but every fifth click comes within half a second.
 */

import { randomFrom } from "../random.js";

export interface Opening {
  readonly key: string;
  /** How long before the next one, in milliseconds. */
  readonly thinkMs: number;
  /** Whether a session begins with it. */
  readonly begins: boolean;
}

const RECORDS = 600;
const PROJECTS = 12;
const PLACES = ["inbox", "board", "calendar", "search", "team", "reports", "settings", "archive"];
const DAYS = 84;
const DRIFT_DAYS = 12;
/** Projects that one routine is about at a time. */
const PROJECTS_AT_A_TIME = 4;

/** Returns the trace of a seed. Without habits everything is noise. */
export function traceOf(seed: number, hasHabits = true): readonly Opening[] {
  const random = randomFrom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const record = (project: number, number: number) => `p${project}/r${number % (RECORDS / PROJECTS)}`;
  const popular = zipf(RECORDS, 1.1, random);
  const anything = () => {
    const at = random() < 0.5 ? popular() : below(RECORDS);
    return record(at % PROJECTS, Math.floor(at / PROJECTS));
  };

  /** Each routine: what it opens one after another, for a project and where its newest is. */
  const shapes: ((project: number, newest: number) => string[])[] = [
    (project, newest) => ["inbox", record(project, newest), "inbox", record(project, newest + 1), "inbox", record(project, newest + 2)],
    (project, newest) => ["board", `p${project}`, ...[0, 1, 2, 3].flatMap((at) => [record(project, newest + at), `p${project}`])],
    (project, newest) => ["calendar", record(project, newest + 7), record(project, newest + 8), record(project, newest + 9), "calendar"],
    (project, newest) => ["search", record(project, newest + 3), record(project, newest + 11), record(project, newest + 12), record(project, newest + 13)],
    (project, newest) => ["team", `p${project}`, record(project, newest + 20), record(project, newest + 21), "reports", record(project, newest + 22)],
    (project, newest) => ["reports", record(project, newest + 30), "reports", record(project, newest + 31), "reports", record(project, newest + 32)],
    (project, newest) => [`p${project}`, record(project, newest + 40), record(project, newest + 41), record(project, newest + 42), record(project, newest + 43), record(project, newest + 44), "inbox"],
  ];
  const routines = shapes.map((shape) => {
    const projects = Array.from({ length: PROJECTS_AT_A_TIME }, () => ({ project: below(PROJECTS), newest: below(40) }));
    return { shape, projects };
  });
  const trace: Opening[] = [];
  const open = (key: string, begins: boolean) => {
    const thinkMs = Math.round(random() < 0.2 ? 150 + random() * 350 : 500 - Math.log(1 - random()) * 9_000);
    trace.push({ key, thinkMs, begins });
  };

  for (let day = 0; day < DAYS; day += 1) {
    if (day > 0 && day % DRIFT_DAYS === 0) {
      for (const _ of [1, 2]) {
        const about = routines[below(routines.length)]?.projects[below(PROJECTS_AT_A_TIME)];
        if (about !== undefined) about.project = below(PROJECTS);
      }
      for (const { projects } of routines) for (const about of projects) about.newest += below(2);
    }
    const sessions = 3 + below(4);
    for (let session = 0; session < sessions; session += 1) {
      // Mornings begin with the first routines, evenings end with the last.
      const time = session / sessions;
      const routine = routines[Math.min(routines.length - 1, Math.floor(((random() + random()) / 2) * 4 + time * 4))];
      // The first of its projects is the one that most of it is about.
      const about = routine?.projects[Math.floor(random() * random() * PROJECTS_AT_A_TIME)];
      if (routine === undefined || about === undefined) continue;
      let begins = true;
      const steps = routine.shape(about.project, about.newest);
      for (const step of hasHabits ? steps : steps.map(anything)) {
        if (random() < 0.15) {
          open(anything(), begins);
          begins = false;
        }
        if (random() < 0.1) continue;
        open(step, begins);
        begins = false;
      }
    }
  }
  for (const place of PLACES) if (hasHabits && !trace.some(({ key }) => key === place)) open(place, true);
  return trace;
}

/** Returns numbers below `count` of which the first are the most frequent. */
function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) sums.push((sum += rank ** -exponent));
  return () => {
    const at = random() * sum;
    return Math.min(count - 1, sums.findIndex((upTo) => upTo >= at));
  };
}
