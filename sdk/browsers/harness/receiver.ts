/** An application that is told of events: it takes them, or fails as long as it is told to. */

import { createServer } from "node:http";

/** What has arrived. */
export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What it answers from now on. */
  answer(status: number, text?: string): void;
  close(): Promise<void>;
}

/** Starts one on a free port of this machine. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let [status, text] = [200, "taken"];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      received.push({ headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])), body });
      response.writeHead(status, { "content-type": "text/plain" }).end(text);
    });
  });
  // Nothing here is about connections that are closed while somebody looks at a page.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without a port");
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    answer: (next, said = "") => {
      [status, text] = [next, said];
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
