/** Virtual time, a network that loses, delays and cuts, and what happens on it. */

import type { ClientMessage, HubMessage } from "../../src/protocol/message.js";
import type { Lost, newSession } from "../../src/session/session.js";
import { demand, HubLink, HubModel } from "./hub-model.js";
import { newRandom } from "./random.js";
import { Shell } from "./shell.js";

/** How long the network is bad and the users write, and how long all may take to be settled after that, in milliseconds. */
const TROUBLE_MS = 40_000;
const HEALED_MS = 600_000;
/** Messages under way in one direction before the sender has to wait. */
const PIPE_MESSAGES = 4;
/** Steps at one instant: more is a machine that turns on the spot. */
const STEPS_MAX = 2_000;

interface Link {
  readonly client: number;
  readonly hub: HubLink;
  /** What is under way; lost when the connection is cut. */
  up: ClientMessage[];
  down: HubMessage[];
  readonly last: { up: number; down: number };
  isCut: boolean;
  /** The hub knows that it is over. */
  isOver: boolean;
}

interface Event {
  readonly atMs: number;
  readonly run: () => void;
}

/** Runs a world of a seed to its end, and checks all that a client has to keep. Returns what differs where anything did. */
export function runWorld(begin: typeof newSession, seed: number): number {
  const random = newRandom(seed);
  const networkMs = random.pick([1, 30, 500]);
  const storeMs = random.pick([1, 20, 5_000]);
  const quietMs = random.pick([200, 1_000]);
  const hub = new HubModel(newRandom(random.below(2 ** 31)));
  const shells = Array.from({ length: 2 + random.below(2) }, (_, index) => {
    return new Shell(begin, `client-${index}`, hub, newRandom(random.below(2 ** 31)));
  });
  const lives = shells.map(() => 0);
  const links: (Link | undefined)[] = shells.map(() => undefined);
  const all: Link[] = [];
  let events: Event[] = [];
  let nowMs = 0;
  let trace = 0;

  const after = (delayMs: number, run: () => void): void => {
    const atMs = nowMs + delayMs;
    const index = events.findIndex((event) => event.atMs > atMs);
    events.splice(index < 0 ? events.length : index, 0, { atMs, run });
  };
  const inOrder = (link: Link, lane: "up" | "down", run: () => void): void => {
    link.last[lane] = Math.max(nowMs + random.below(networkMs + 1), link.last[lane]);
    after(link.last[lane] - nowMs, run);
  };
  const cut = (link: Link): void => {
    link.isCut = true;
    link.up = [];
    link.down = [];
  };
  const disconnect = (client: number, lost: Lost): void => {
    const link = links[client];
    if (link) cut(link);
    links[client] = undefined;
    shells[client]?.machine.handleDisconnected(lost, nowMs);
  };
  const connect = (client: number): void => {
    const link: Link = { client, hub: new HubLink(hub), up: [], down: [], last: { up: 0, down: 0 }, isCut: false, isOver: false };
    all.push(link);
    links[client] = link;
    shells[client]?.machine.handleConnected(nowMs);
  };
  const dial = (client: number): void => {
    demand(links[client] === undefined, "one connection at a time");
    const life = lives[client];
    const isBad = nowMs < TROUBLE_MS && random.percent(20);
    if (isBad) disconnect(client, random.pick<Lost>(["unauthorised", "broken", "restarting", { afterMs: 500 }]));
    else after(1, () => lives[client] === life && connect(client));
  };

  const pumpStore = (client: number, shell: Shell): void => {
    while (!shell.storing) {
      const store = shell.machine.pollStore(nowMs);
      if (!store) return;
      if (!("page" in store)) {
        shell.store(store);
        continue;
      }
      shell.storing = store;
      const life = lives[client];
      after(random.below(Math.min(storeMs, nowMs > TROUBLE_MS ? 20 : storeMs) + 1), () => {
        if (lives[client] !== life) return;
        shell.storing = undefined;
        shell.store(store);
      });
    }
  };
  const pumpClient = (client: number, shell: Shell): void => {
    shell.machine.handleTime(nowMs);
    shell.handIn(nowMs);
    const wanted = shell.machine.pollConnection(nowMs);
    if (wanted && "connect" in wanted) dial(client);
    if (wanted && "close" in wanted) {
      demand(wanted.close !== 1002, "the hub said what must not be said");
      disconnect(client, "broken");
    }
    pumpStore(client, shell);
    const link = links[client];
    while (link && link.up.length < PIPE_MESSAGES) {
      const message = shell.machine.pollMessage(nowMs);
      if (!message) break;
      shell.check(message);
      if (link.isCut) continue;
      link.up.push(message);
      inOrder(link, "up", () => {
        const arrived = link.up.shift();
        if (!arrived || link.isOver) return;
        link.hub.handle(arrived);
        after(random.below(networkMs + 1), () => link.isOver || link.hub.carryOut());
      });
    }
  };
  const pumpLink = (link: Link): void => {
    while (!link.isOver && link.down.length < PIPE_MESSAGES) {
      const message = link.hub.poll();
      if (!message) return;
      if (link.isCut) continue;
      link.down.push(message);
      inOrder(link, "down", () => {
        const arrived = link.down.shift();
        if (arrived && links[link.client] === link) shells[link.client]?.arrive(arrived, nowMs);
      });
    }
  };

  /** A connection breaks: one end or both or neither learn of it at once. */
  const breakConnection = (client: number): void => {
    const link = links[client];
    if (!link) return;
    cut(link);
    if (random.percent(70)) after(random.below(2_000), () => links[client] === link && disconnect(client, "broken"));
    if (random.percent(50)) link.isOver = true;
  };
  const crash = (client: number): void => {
    const link = links[client];
    if (link) cut(link);
    links[client] = undefined;
    lives[client] = (lives[client] ?? 0) + 1;
    shells[client]?.restart();
  };
  const happen = (): void => {
    if (nowMs > TROUBLE_MS) {
      hub.trouble = false;
      return;
    }
    const client = random.below(shells.length);
    const shell = shells[client];
    const what = random.below(100);
    if (what < 70) for (let count = random.below(3); count >= 0; count--) shell?.edit();
    else if (what < 80) breakConnection(client);
    else if (what < 84) crash(client);
    else if (what < 87) hub.forget();
    else if (what < 90) shell?.machine.handleNetwork(nowMs % 2 === 0, nowMs);
    after(1 + random.below(quietMs), happen);
  };
  const tick = (): void => {
    if (nowMs > TROUBLE_MS) for (const shell of shells) shell.machine.handleNetwork(true, nowMs);
    after(1_000, tick);
  };
  after(1, happen);
  after(1_000, tick);

  let steps = 0;
  for (;;) {
    shells.forEach((shell, client) => pumpClient(client, shell));
    all.forEach(pumpLink);
    if (nowMs > TROUBLE_MS) {
      if (shells.every((shell) => shell.isSettled())) break;
      demand(nowMs < TROUBLE_MS + HEALED_MS, "not settled in time");
    }
    const deadlines = shells.map((shell) => shell.machine.pollDeadline(nowMs) ?? Infinity);
    const [first] = events;
    const nextMs = Math.max(nowMs, Math.min(first?.atMs ?? Infinity, ...deadlines));
    steps = nextMs === nowMs ? steps + 1 : 0;
    demand(steps < STEPS_MAX, "a machine turns on the spot");
    nowMs = nextMs;
    if (first && first.atMs <= nowMs) {
      events = events.slice(1);
      first.run();
    }
    trace = (Math.imul(trace, 31) + nowMs + hub.position()) | 0;
  }
  for (const shell of shells) shell.checkSettled();
  return trace;
}
