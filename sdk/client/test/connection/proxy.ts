/** A network between clients and a hub that cuts connections in the midst of what they say. */

import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import type { Random } from "../session/random.js";

/** How much goes through a connection before it is cut, in bytes, at most. */
const CUT_BYTES_MAX = 20_000;

export interface Proxy {
  readonly url: string;
  /** Whether connections are cut. */
  cuts: boolean;
  /** How many were. */
  cut: number;
  close(): Promise<void>;
}

/** Passes on to a hub what comes in. */
export async function startProxy(hubUrl: string, random: Random): Promise<Proxy> {
  const open = new Set<Socket>();
  const proxy: Omit<Proxy, "url" | "close"> = { cuts: true, cut: 0 };
  const server = createServer((inward) => {
    const outward = connect(Number(new URL(hubUrl).port), "127.0.0.1");
    let left = random.below(CUT_BYTES_MAX);
    const end = (): void => {
      for (const socket of [inward, outward]) {
        socket.destroy();
        open.delete(socket);
      }
    };
    const pass = (from: Socket, to: Socket): void => {
      open.add(from);
      from.on("data", (bytes: Buffer) => {
        left -= bytes.length;
        if (!proxy.cuts || left > 0) return void to.write(bytes);
        proxy.cut += 1;
        // What is on its way may arrive while its answer does not.
        to.write(bytes, end);
      });
      from.on("error", end).on("close", end);
    };
    pass(inward, outward);
    pass(outward, inward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${port}`,
    close: async (): Promise<void> => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
