/** What can go wrong: errors with a stable code that has a page, `docs/errors/<code>.md`. */

/** An error of this package, or one that a hub answered. It never holds a value of an event, a secret or a token. */
export class SynclineError extends Error {
  override readonly name = "SynclineError";
  /** The stable code. */
  readonly code: string;
  /** Whether the same may succeed later. */
  readonly retryable: boolean;
  /** The status of the answer, where a hub has answered. */
  readonly status: number | undefined;
  /** How long the hub asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, facts: { retryable?: boolean; status?: number; retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.retryable = facts.retryable ?? false;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
