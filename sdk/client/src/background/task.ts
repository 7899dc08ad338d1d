/** Synchronising while the app is closed: a task that Android and iOS run now and then. */

import type { Client } from "../api.js";
import { CLOSE_MS, EVERY_MINUTES_MIN, RUN_MS } from "./limits.js";
import { within } from "./within.js";

/** The part of `expo-task-manager` that is needed. */
export interface TaskManager {
  defineTask(name: string, run: () => Promise<number>): void;
}

/** The part of `expo-background-task` that is needed. */
export interface BackgroundTask {
  readonly BackgroundTaskResult: { readonly Success: number; readonly Failed: number };
  /** The interval is in minutes. */
  registerTaskAsync(name: string, options: { readonly minimumInterval: number }): Promise<unknown>;
  unregisterTaskAsync(name: string): Promise<unknown>;
  /** iOS: the system takes the time back. */
  addExpirationListener?(listener: () => void): { remove(): void };
}

export interface BackgroundSyncOptions {
  readonly taskManager: TaskManager;
  readonly backgroundTask: BackgroundTask;
  /** Opens the client. It is closed after the run. */
  readonly open: () => Promise<Client>;
  /** The client that the app has open, if it has one: a task may run while the app does, and that one is not closed. */
  readonly current?: () => Client | undefined;
  /** Name of the task; `syncline-sync`. */
  readonly name?: string;
  /** How often at most, in minutes; 15, which is the least. The system runs it later as it sees fit. */
  readonly everyMinutes?: number;
  /** How long a run may take, in milliseconds; 25,000. */
  readonly runMs?: number;
  /** Hears why a run failed. What waits is sent in the next. */
  readonly onProblem?: (error: unknown) => void;
}

export interface BackgroundSync {
  /** Has the system run the task from now on, also after the app was closed. */
  register(): Promise<void>;
  unregister(): Promise<void>;
  /** Runs it now; answers whether everything was sent and fetched. */
  run(): Promise<boolean>;
}

/** Defines the task. To be called where the app's entry is loaded, outside of all components: the system starts the app without them. */
export function backgroundSync(options: BackgroundSyncOptions): BackgroundSync {
  const { taskManager, backgroundTask, open, current, name = "syncline-sync", runMs = RUN_MS, onProblem } = options;
  const minimumInterval = Math.max(EVERY_MINUTES_MIN, options.everyMinutes ?? EVERY_MINUTES_MIN);
  let underWay: Promise<boolean> | undefined;

  async function runOnce(): Promise<boolean> {
    const deadline = Date.now() + runMs;
    const expired = new AbortController();
    const expiration = backgroundTask.addExpirationListener?.(() => expired.abort());
    let opening: Promise<Client> | undefined;
    try {
      let client = current?.();
      if (client === undefined) {
        opening = open();
        client = await within(opening, deadline - Date.now(), expired.signal);
      }
      const leftMs = deadline - Date.now();
      await within(client.sync(leftMs), leftMs, expired.signal);
      return true;
    } catch (error) {
      onProblem?.(error);
      return false;
    } finally {
      // One that opens too late is closed, too.
      const closed = opening?.then((client) => client.close());
      await (closed && within(closed, CLOSE_MS).catch(() => undefined));
      expiration?.remove();
    }
  }

  function run(): Promise<boolean> {
    underWay ??= runOnce().finally(() => (underWay = undefined));
    return underWay;
  }

  taskManager.defineTask(name, async () => {
    const { Success, Failed } = backgroundTask.BackgroundTaskResult;
    return (await run()) ? Success : Failed;
  });
  return {
    run,
    async register() {
      await backgroundTask.registerTaskAsync(name, { minimumInterval });
    },
    async unregister() {
      await backgroundTask.unregisterTaskAsync(name);
    },
  };
}
