/** A key that only the person gets at who owns the device. */

import { SynclineError } from "../error.js";

/** The part of `expo-local-authentication` that is needed. */
export interface LocalAuthentication {
  authenticateAsync(options: {
    readonly promptMessage: string;
    readonly fallbackLabel?: string;
    readonly disableDeviceFallback?: boolean;
  }): Promise<{ readonly success: boolean; readonly error?: string }>;
}

export interface GateOptions {
  /** What is said to the person; "Authenticate to sync your data". */
  readonly promptMessage?: string;
  /** The way around on iOS; "Use PIN". */
  readonly fallbackLabel?: string;
  /** Whether the device's own code will do as well; it does. */
  readonly takesDeviceCode?: boolean;
  /** Whether the app is in front. If not nobody is asked, and nobody gets the key. */
  readonly isInFront?: () => boolean;
  /** For how long one answer holds, in milliseconds; none: everyone who wants the key has to ask. */
  readonly validMs?: number;
  readonly now?: () => number;
}

/** Hands a key out, or refuses it. The key is never kept. */
export type Gate = <Key>(readKey: () => Key | Promise<Key>) => Promise<Key>;

/**
 * Returns a gate in front of a key: whoever wants it is asked for a face, a finger or the device's code first.
 *
 * The gate throws SynclineError `CLIENT_UNLOCK_REFUSED` where that is refused or nobody is there to be asked.
 */
export function biometricGate(localAuthentication: LocalAuthentication, options: GateOptions = {}): Gate {
  const { promptMessage = "Authenticate to sync your data", fallbackLabel = "Use PIN", takesDeviceCode = true } = options;
  const { isInFront = () => true, validMs = 0, now = () => Date.now() } = options;
  let openUntil = -Infinity;
  /** One question at a time: the system refuses a second one. */
  let asked: Promise<void> | undefined;

  async function ask(): Promise<void> {
    if (!isInFront()) throw refused("nobody is there to be asked");
    const answer = await localAuthentication.authenticateAsync({ promptMessage, fallbackLabel, disableDeviceFallback: !takesDeviceCode });
    if (!answer.success) throw refused(/^\w{1,40}$/.test(answer.error ?? "") ? `the device says: ${answer.error}` : "the device says no");
    openUntil = now() + validMs;
  }

  return async (readKey) => {
    // A clock that was set back opens nothing.
    const isOpen = now() < openUntil && openUntil - now() <= validMs;
    if (!isOpen) await (asked ??= ask().finally(() => (asked = undefined)));
    return await readKey();
  };
}

function refused(why: string): SynclineError {
  return new SynclineError("CLIENT_UNLOCK_REFUSED", why, { retryable: true });
}
