/** The page: shows the students as the panel has them, and asks anew whenever it says that something has changed. */

import { learnServerTime } from "/elements/index.js";

const STATUSES = ["active", "paused", "completed", "cancelled"];

const byId = (id) => document.getElementById(id);
const copyOf = (template) => byId(template).content.firstElementChild.cloneNode(true);

/** Returns what a route answers, and learns what time it is there. */
async function ask(path, init) {
  const answer = await fetch(path, { cache: "no-store", ...init });
  const body = await answer.json();
  learnServerTime(body);
  if (!answer.ok) throw new Error(body.data?.error?.message ?? `the panel answers ${answer.status}`);
  return body;
}

/** Shows a list in place: what is there already stays, with its focus, and is only filled anew. */
function showAll(list, template, items, fill) {
  const shown = new Map([...list.children].map((child) => [child.dataset.id, child]));
  items.forEach((item, at) => {
    const child = shown.get(item.id) ?? copyOf(template);
    shown.delete(item.id);
    child.dataset.id = item.id;
    fill(child, item);
    if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null);
  });
  for (const gone of shown.values()) gone.remove();
}

function fillStudent(child, student) {
  child.querySelector("h2").textContent = student.name ?? student.id;
  child.querySelector(".email").textContent = student.email ?? "";
  child.querySelector("sync-data-freshness").timestamp = student.last_updated_at;
  showAll(child.querySelector(".courses"), "course", student.enrollments, fillCourse);
}

function fillCourse(child, course) {
  child.querySelector("h3").textContent = course.courseId;
  const percent = course.progress?.percent ?? 0;
  child.querySelector("progress").value = percent;
  child.querySelector("output").textContent = `${percent} %`;
  child.querySelector("sync-last-updated").timestamp = course.last_updated_at;
  const select = child.querySelector("select");
  if (select.options.length === 0) {
    select.append(...STATUSES.map((status) => new Option(status)));
    select.addEventListener("change", () => change(course.id, select.value));
  }
  select.value = course.status;
}

/** Has an enrollment changed. It is shown once the hub has told of it, as everything else. */
async function change(id, status) {
  await attempt(() => ask("/api/enrollments", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id, status }) }));
}

async function attempt(work) {
  try {
    await work();
    byId("trouble").textContent = "";
  } catch (error) {
    byId("trouble").textContent = error.message;
  }
}

let asking;
let isStale = false;
/** Asks for everything and shows it; what changes meanwhile is asked for once more behind that. */
function refresh() {
  isStale = true;
  asking ??= (async () => {
    while (isStale) {
      isStale = false;
      await attempt(async () => {
        const { data } = await ask("/api/students");
        showAll(byId("students"), "student", data.students, fillStudent);
      });
    }
    asking = undefined;
  })();
}

/** Shows how the panel stands to the hub. */
async function showHealth() {
  const link = byId("link");
  try {
    const { data, metadata } = await ask("/api/health");
    const { pending, failed } = data.queue;
    // What failed a while ago and has arrived since is the hub's memory, and no matter any more.
    const isWell = data.health.healthy || (pending === 0 && failed === 0);
    link.syncStatus = isWell ? (pending > 0 ? "pending" : "synced") : "error";
    link.lastSyncedAt = isWell ? metadata.timestamp : link.lastSyncedAt;
    byId("queue").textContent = `Deliveries: ${data.queue.pending} waiting, ${data.queue.failed} failed`;
  } catch {
    link.syncStatus = "offline";
  }
}

const changes = new EventSource("/api/changes");
changes.addEventListener("message", () => {
  refresh();
  void showHealth();
});
changes.addEventListener("error", () => (byId("link").syncStatus = "offline"));
setInterval(showHealth, 5_000);
