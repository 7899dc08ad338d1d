/** Changes as server-sent events, read with `fetch`: that of a browser by itself sends no access token. */

import { ANSWER_BYTES_MAX } from "../protocol/limits.js";
import { readPage } from "../protocol/long.js";
import { openHttp, type Feed } from "./http.js";
import { queryOf } from "./query.js";
import { ask, refusalOf, Unreached } from "./transport.js";

/** Follows a view. */
const events: Feed = async ({ address, follow, tell, traffic }) => {
  for (let { cursor } = follow; ; ) {
    const headers = { accept: "text/event-stream" };
    const answer = await ask(address, `events?${queryOf({ ...follow, cursor })}`, { headers });
    if (!answer.ok) throw await refusalOf(answer);
    // Some platforms answer with all of a body or nothing.
    if (!answer.body) throw new Unreached("broken");
    let isReset = false;
    for await (const { event, data } of eventsOf(answer.body, traffic)) {
      isReset = event === "reset";
      if (event === "changes") await tell(readPage(data));
    }
    if (!isReset || cursor === undefined) throw new Unreached("broken");
    cursor = undefined;
  }
};

interface Event {
  event: string;
  data: string;
}

/** Reads the events of a stream; comments are signs of life. */
async function* eventsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>, traffic: () => void): AsyncGenerator<Event> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let told: Event = { event: "", data: "" };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      traffic();
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        // What JSON need not escape may stand in a line: U+2028 ends none here.
        const [, name, content = ""] = /^(event|data): ?(.*?)\r?$/s.exec(line) ?? [];
        if (name === "event") told.event = content;
        if (name === "data") told.data += content;
        if (line.trim() === "" && told.event !== "") {
          yield told;
          told = { event: "", data: "" };
        }
      }
      if (rest.length + told.data.length > ANSWER_BYTES_MAX) throw new Unreached("broken");
    }
  } finally {
    // Whoever reads no further takes nothing more.
    await reader.cancel();
  }
}

export const openEvents = openHttp(events);
