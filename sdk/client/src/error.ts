/** What can go wrong: errors with a stable code that has a page, `docs/errors/<code>.md`. */

/** An error of this client, or one that the hub answered. */
export class SynclineError extends Error {
  override readonly name = "SynclineError";
  /** The stable code. */
  readonly code: string;
  /** Whether the same may succeed later. */
  readonly retryable: boolean;
  /** The status of the answer, where a hub has answered. */
  readonly status: number | undefined;

  constructor(code: string, message: string, facts: { retryable?: boolean; status?: number; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.retryable = facts.retryable ?? false;
    this.status = facts.status;
  }
}
