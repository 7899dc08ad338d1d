/** Tells pages that something has changed, by server-sent events. What it is, they ask for. */

import { Unfit } from "../unfit.js";
import type { Copy } from "./copy.js";

/** Most pages that are told. */
const PAGES_MAX = 100;
/** How often something is sent where nothing happens, in milliseconds: what stands between closes connections that are silent for a minute. */
const BEAT_MS = 15_000;

let pages = 0;

/** Answers with `data: changed` after each change. */
export function followChanges(copy: Copy): Response {
  if (pages >= PAGES_MAX) throw new Unfit(503, "PAGES_TOO_MANY", `at most ${PAGES_MAX} pages are open`);
  pages += 1;
  let stop = (): void => undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(page) {
      const say = (text: string): void => {
        if ((page.desiredSize ?? 0) > 0) return page.enqueue(Buffer.from(text));
        // Who does not read comes again, and asks for everything then.
        stop();
        page.error(new Error("the page does not read"));
      };
      const ears = copy.listen(() => say("data: changed\n\n"));
      const beat = setInterval(() => say(": still here\n\n"), BEAT_MS);
      stop = () => {
        ears();
        clearInterval(beat);
        pages -= 1;
        stop = () => undefined;
      };
      // Something may have changed between this page's first look and now.
      say("retry: 2000\n\ndata: changed\n\n");
    },
    cancel: () => stop(),
  }, { highWaterMark: 16 });
  return new Response(stream, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}
