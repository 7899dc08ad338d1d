/** The hub's records: the applications have no other database. */

import { retryWithBackoff, SynclineError } from "@syncline/app";

/** A record as it is at a place of the hub's log. */
export interface Held {
  readonly entity: string;
  readonly id: string;
  /** It is as of this place or a later one. */
  readonly position: number;
  /** What a change of it names as its `base`. */
  readonly version: string;
  readonly record: Readonly<Record<string, unknown>>;
}

/** A page of what has changed. */
export interface Page {
  readonly changes: readonly { readonly entity: string; readonly id: string; readonly position: number; readonly version: string; readonly record?: Held["record"] }[];
  readonly cursor: string;
  readonly more: boolean;
}

/** Most records that are read for one answer. */
const RECORDS_MAX = 100_000;
/** Longest wait for an answer of the hub, in milliseconds. */
const REQUEST_MS_MAX = 10_000;

/** Returns a record, or `undefined` where there is none. */
export async function recordOf(entity: string, id: string): Promise<Held | undefined> {
  const answer = await ask(`/v1/entities/${encodeURIComponent(entity)}/records/${encodeURIComponent(id)}`);
  return answer.status === 404 ? undefined : ((await bodyOf(answer)) as Held);
}

/** Returns all records of a view of `syncline.toml`. */
export async function recordsOf(view: string, params: Readonly<Record<string, string>>): Promise<readonly Held[]> {
  return (await everyRecord({ view, params: JSON.stringify(params) })).records;
}

/** Returns every record that is asked for, and the cursor behind which later changes are found. */
export async function everyRecord(query: Readonly<Record<string, string>>): Promise<{ readonly records: readonly Held[]; readonly cursor: string }> {
  const records: Held[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await pageOf({ ...query, ...(cursor !== undefined && { cursor }) });
    for (const { record, ...facts } of page.changes) if (record !== undefined) records.push({ ...facts, record });
    if (records.length > RECORDS_MAX) throw new Error(`there are more than ${RECORDS_MAX} records`);
    if (!page.more) return { records, cursor: page.cursor };
    cursor = page.cursor;
  }
}

/** Returns a page of what has changed behind a cursor, or of all records without one. */
export async function pageOf(query: Readonly<Record<string, string>>): Promise<Page> {
  return (await bodyOf(await ask(`/v1/pull?${new URLSearchParams({ limit: "1000", ...query })}`))) as Page;
}

function ask(path: string): Promise<Response> {
  const { SYNCLINE_URL: url = "", SYNCLINE_TOKEN: token = "" } = process.env;
  return retryWithBackoff(
    async () => {
      const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(REQUEST_MS_MAX) }).catch((cause: unknown) => {
        throw new SynclineError("HUB_UNREACHABLE", "the hub does not answer", { retryable: true, cause });
      });
      if (answer.status === 429 || answer.status >= 500) throw new SynclineError("HUB_UNREACHABLE", "the hub is busy", { status: answer.status, retryable: true });
      return answer;
    },
    // Somebody waits for the answer.
    { maxRetries: 1, initialDelayMs: 200 },
  );
}

async function bodyOf(answer: Response): Promise<unknown> {
  const body: unknown = await answer.json();
  if (answer.ok) return body;
  const { code = "HUB_UNREACHABLE", title = "" } = body as { code?: string; title?: string };
  throw new SynclineError(code, title, { status: answer.status });
}
