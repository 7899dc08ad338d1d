/** How long to wait before trying again. */

/** Retries behind the first attempt. Source: spec 004. */
export const RETRIES_MAX = 3;
/** Wait before the first retry, in milliseconds. Source: spec 004. */
export const INITIAL_DELAY_MS = 1_000;
/** Longest wait. Source: spec 004. */
export const DELAY_MS_MAX = 30_000;

/** How something is tried again; what is left out is as spec 004 has it. */
export interface RetryOptions {
  /** Retries behind the first attempt: 3. */
  readonly maxRetries?: number | undefined;
  /** Wait before the first of them: 1 s. */
  readonly initialDelayMs?: number | undefined;
  /** Longest wait: 30 s. */
  readonly maxDelayMs?: number | undefined;
  /** Whether a wait is shortened by up to a half at random, so that those who failed together do not come back together: yes. */
  readonly hasJitter?: boolean | undefined;
  /** Whether an error is worth another attempt: all are, unless they say themselves that they are not (`retryable`). */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
  /** Ends the waiting; the reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the wait in milliseconds behind an attempt that failed: it doubles from 1 s to at most 30 s.
 *
 * - `retryCount`: how many retries there were already, from 0.
 */
export function calculateBackoff(retryCount: number, initialDelayMs: number = INITIAL_DELAY_MS, maxDelayMs: number = DELAY_MS_MAX): number {
  return Math.min(initialDelayMs * 2 ** Math.max(0, retryCount), maxDelayMs);
}

/** Runs something until it succeeds or there is no retry left; throws its last error. A number of retries alone may be given for options. */
export async function retryWithBackoff<T>(operation: () => T | Promise<T>, options: RetryOptions | number = {}): Promise<T> {
  const given: RetryOptions = typeof options === "number" ? { maxRetries: options } : options;
  const { maxRetries = RETRIES_MAX, initialDelayMs, maxDelayMs, hasJitter = true, isRetryable = mayRetry, signal } = given;
  for (let retryCount = 0; ; retryCount += 1) {
    signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      if (retryCount >= maxRetries || !isRetryable(error)) throw error;
      const delayMs = calculateBackoff(retryCount, initialDelayMs, maxDelayMs);
      const shortened = hasJitter ? delayMs * (0.5 + Math.random() / 2) : delayMs;
      // Whoever asks to be left alone is left alone, but not for longer than a caller can wait.
      await pause(Math.min(Math.max(shortened, askedPauseMs(error)), Math.max(delayMs, maxDelayMs ?? DELAY_MS_MAX)), signal);
    }
  }
}

function mayRetry(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable !== false;
}

function askedPauseMs(error: unknown): number {
  const asked = (error as { readonly retryAfterMs?: unknown } | null)?.retryAfterMs;
  return typeof asked === "number" && asked > 0 ? asked : 0;
}

/** Waits; throws the signal's reason once it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
