/** Clients that edit the same records over a network that cuts their connections in the midst of a message. */

import { expect, test } from "vitest";
import { WebSocket } from "ws";

import { startDriver } from "../../src/connection/driver.js";
import type { SocketClass } from "../../src/connection/socket.js";
import type { Way } from "../../src/connection/transport.js";
import { startHub } from "../hub.js";
import { newRandom } from "../session/random.js";
import { MemorySide } from "./memory-side.js";
import { startProxy } from "./proxy.js";

const CLIENTS = 3;
const EDITS = 400;
const RECORDS = 10;
/** Cuts until the network is whole. */
const CUTS = 30;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.each<Way>(["websocket", "events", "poll"])("every edit is done once however often connections are cut, by %s", async (way) => {
  const random = newRandom(7);
  const hub = await startHub();
  const proxy = await startProxy(hub.url, random);
  const sides = Array.from({ length: CLIENTS }, (_, at) => new MemorySide(`client-${at}`));
  const drivers = sides.map((side) =>
    startDriver({
      url: proxy.url,
      side,
      token: hub.token,
      strategy: { kind: "immediate" },
      ways: [way],
      tell: () => {},
      socket: WebSocket as unknown as SocketClass,
      // Attempts wait hardly at all.
      random: () => random.next() / 50,
    }),
  );
  try {
    let made = 0;
    while (made < EDITS || proxy.cut < CUTS) {
      const at = random.below(CLIENTS);
      sides[at]?.edit("counters", `c${random.below(RECORDS)}`, { inc: { "/sum": 1 } }, random.percent(10));
      drivers[at]?.wake();
      made += 1;
      if (random.percent(30)) await pause(random.below(20));
    }
    proxy.cuts = false;
    await Promise.all(drivers.map((driver) => driver.sync()));
    const sums = (side: MemorySide): number => {
      return Array.from({ length: RECORDS }, (_, at) => Number(side.record("counters", `c${at}`)?.["sum"] ?? 0)).reduce((a, b) => a + b, 0);
    };
    for (const side of sides) {
      expect(side.results.every(({ status }) => status !== "rejected" && status !== "rebase")).toBe(true);
      expect(side.shownTwice, "changes come behind the results of what made them").toBe(0);
      while (sums(side) < made) await pause(5);
      expect(sums(side)).toBe(made);
    }
  } finally {
    await Promise.all(drivers.map((driver) => driver.close()));
    await proxy.close();
    await hub.stop();
  }
}, 120_000);
