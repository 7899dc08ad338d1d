/** A network that can be cut: what stands between a browser and a hub. */

import { connect, createServer, type Socket } from "node:net";

/** How the network is. */
export type Condition =
  | "whole"
  /** Connections are closed, and new ones with them. */
  | "cut"
  /** Connections stay, nothing passes: as a network that drops every packet. */
  | "silent";

/** A loopback port that leads to another. */
export interface Proxy {
  readonly url: string;
  /** Bytes that have passed, from either side: what a test counts traffic by. */
  bytes(): { readonly up: number; readonly down: number };
  set(condition: Condition): void;
  close(): Promise<void>;
}

/** Leads to an address such as `http://127.0.0.1:8080`. */
export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  let condition: Condition = "whole";
  let up = 0;
  let down = 0;
  const pairs = new Set<readonly [Socket, Socket]>();

  const server = createServer((near) => {
    if (condition === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(Number(port), hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    near.on("data", (bytes) => void (up += bytes.length));
    far.on("data", (bytes) => void (down += bytes.length));
    for (const [from, to] of [pair, [far, near] as const]) {
      from.pipe(to);
      if (condition === "silent") from.unpipe(to).pause();
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a proxy without a port");

  const set = (wanted: Condition) => {
    condition = wanted;
    for (const [near, far] of pairs) {
      if (wanted === "cut") {
        near.resetAndDestroy();
        far.destroy();
      } else {
        for (const [from, to] of [[near, far] as const, [far, near] as const]) {
          if (wanted === "silent") from.unpipe(to).pause();
          else from.pipe(to);
        }
      }
    }
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    bytes: () => ({ up, down }),
    set,
    close: async () => {
      set("cut");
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
