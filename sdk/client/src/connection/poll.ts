/** Changes by asking again and again: each request waits at the hub until there is something new. */

import { readPage } from "../protocol/long.js";
import { openHttp, type Feed } from "./http.js";
import { queryOf } from "./query.js";
import { ask, refusalOf, textOf } from "./transport.js";

/** How long a request waits for changes, in seconds: less than proxies do. */
const WAIT_S = 25;

/** Shortest time between two requests that bring nothing, in milliseconds: a hub that stops answers at once. */
const EMPTY_MS_MIN = 1_000;

/** Follows a view. */
const poll: Feed = async ({ address, follow, tell, traffic }) => {
  let { cursor } = follow;
  let isFirst = true;
  for (let waitS = 0; ; ) {
    const beganMs = performance.now();
    const answer = await ask(address, `pull?${queryOf({ ...follow, cursor })}&wait=${waitS}`);
    if (answer.status === 410 && cursor !== undefined) {
      cursor = undefined;
      continue;
    }
    if (!answer.ok) throw await refusalOf(answer);
    const page = readPage(await textOf(answer));
    traffic();
    const isNews = page.changes.length > 0 || page.snapshot === true || page.more;
    // The first says that all is taken in, others how far the log has come.
    if (isNews || isFirst || page.cursor !== cursor) await tell(page);
    const emptyMs = performance.now() - beganMs;
    if (!isNews && waitS > 0 && emptyMs < EMPTY_MS_MIN) await new Promise((resolve) => setTimeout(resolve, EMPTY_MS_MIN));
    cursor = page.cursor;
    isFirst = false;
    waitS = page.more ? 0 : WAIT_S;
  }
};

export const openPoll = openHttp(poll);
