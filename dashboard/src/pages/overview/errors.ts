/** How much of what was done has failed. */

import type { Sample } from "../../hub/shapes";

/** Returns the share of what failed among all that was done, or `null` where nothing was. */
export function errorsOf({ requests, requestsFailed, operations, operationsRejected, attempts, attemptsFailed }: Sample): number | null {
  const all = requests + operations + attempts;
  return all === 0 ? null : (requestsFailed + operationsRejected + attemptsFailed) / all;
}
