/** Answers as a hub does: keeps events by their id, and loses, delays or refuses what a test tells it to. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface KeptEvent {
  readonly id: string;
  readonly type: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly data: unknown;
}

/** A request as it came. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** What a hub answers in place of what it would. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface StandInHub {
  readonly url: string;
  /** What is in its log, in order; no id twice. */
  readonly log: readonly KeptEvent[];
  readonly asked: readonly Asked[];
  /** What is answered next, in this order: `"lost"` does what was asked and breaks off, `"cut"` does not even do it. */
  next(...answers: readonly (Answer | "lost" | "cut")[]): void;
  /** What is answered from now on to paths that end so. */
  always(end: string, answer: () => Answer): void;
  close(): Promise<void>;
}

export async function startStandInHub(): Promise<StandInHub> {
  const log = new Map<string, KeptEvent>();
  const asked: Asked[] = [];
  const planned: (Answer | "lost" | "cut")[] = [];
  const fixed = new Map<string, () => Answer>();

  const act = ({ method, path, body }: Asked): Answer => {
    const [, found] = [...fixed].find(([end]) => path.endsWith(end)) ?? [];
    if (found !== undefined) return found();
    if (method !== "POST" || path !== "/v1/events") return { status: 404, body: { code: "NOT_FOUND", title: "There is nothing here." } };
    const { events } = JSON.parse(body) as { events: readonly KeptEvent[] };
    const answers = events.map((event) => {
      // As the hub: it does not look up where something stands that was emitted before.
      if (log.has(event.id)) return { id: event.id };
      log.set(event.id, event);
      return { id: event.id, sequence: log.size };
    });
    return { status: 200, body: { events: answers } };
  };
  const answer = (response: ServerResponse, { status, headers, body }: Answer): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      const one = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      asked.push(one);
      const plan = planned.shift();
      if (plan === "lost") act(one);
      if (plan === "lost" || plan === "cut") request.socket.resetAndDestroy();
      else answer(response, plan ?? act(one));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get log() {
      return [...log.values()];
    },
    asked,
    next: (...answers) => void planned.push(...answers),
    always: (end, found) => void fixed.set(end, found),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
