/** What a browser tells of its connection, its battery and who looks. */

import type { Conditions } from "./decide.js";

/** The part of the Network Information API that is read; Firefox and Safari have none. */
export interface PlatformConnection {
  readonly effectiveType?: string;
  readonly saveData?: boolean;
  /** Rounded to 25 ms by the browser, and what it thinks of the whole network, not of this hub. */
  readonly rtt?: number;
  addEventListener?(type: "change", listener: () => void): void;
  removeEventListener?(type: "change", listener: () => void): void;
}

export interface PlatformBattery {
  readonly level: number;
  readonly charging: boolean;
  addEventListener(type: "levelchange" | "chargingchange", listener: () => void): void;
  removeEventListener(type: "levelchange" | "chargingchange", listener: () => void): void;
}

/** What is read of a browser; each part may be missing. */
export interface Platform {
  readonly navigator?: { readonly onLine?: boolean; readonly connection?: PlatformConnection; getBattery?(): Promise<PlatformBattery> };
  readonly document?: { readonly visibilityState: string; addEventListener(type: string, listener: () => void): void; removeEventListener(type: string, listener: () => void): void };
  readonly window?: { addEventListener(type: string, listener: () => void): void; removeEventListener(type: string, listener: () => void): void };
}

/** A platform that is watched. */
export interface Watched {
  conditions(): Conditions;
  /** Whether the platform says how good the connection is. */
  readonly tellsConnection: boolean;
  close(): void;
}

/** Returns the browser's own parts, those that there are. */
export function thisPlatform(): Platform {
  const { navigator, document, window } = globalThis as Platform;
  return { ...(navigator && { navigator }), ...(document && { document }), ...(window && { window }) };
}

/** Watches a platform, and calls when something has changed. */
export function watch({ navigator, document, window }: Platform, changed: () => void): Watched {
  const connection = navigator?.connection;
  const ends: (() => void)[] = [];
  let battery: PlatformBattery | undefined;
  let isClosed = false;

  function listen<T extends string>(target: { addEventListener?(type: T, listener: () => void): void; removeEventListener?(type: T, listener: () => void): void } | undefined, ...types: T[]): void {
    for (const type of types) {
      target?.addEventListener?.(type, changed);
      ends.push(() => target?.removeEventListener?.(type, changed));
    }
  }

  listen(connection, "change");
  listen(document, "visibilitychange");
  listen(window, "online", "offline");
  // A battery that a browser does not show is none: then nothing is spared.
  void Promise.resolve(navigator?.getBattery?.()).then(
    (found) => {
      if (found === undefined || isClosed) return;
      battery = found;
      listen(found, "levelchange", "chargingchange");
      changed();
    },
    () => undefined,
  );
  return {
    tellsConnection: connection?.effectiveType !== undefined,
    conditions: () => ({
      isOnline: navigator?.onLine !== false,
      isVisible: document?.visibilityState !== "hidden",
      isSavingData: connection?.saveData,
      effectiveType: connection?.effectiveType,
      roundTripMs: connection?.rtt,
      battery: battery && { level: battery.level, isCharging: battery.charging },
    }),
    close() {
      isClosed = true;
      for (const end of ends) end();
    },
  };
}
