/** Planted faults: known ways to lose or double changes, each a change of the session's source that the suite must find. */

import { fileURLToPath } from "node:url";

import { build } from "vite";

import type { newSession } from "../../src/session/session.js";

const SOURCE = fileURLToPath(new URL("../../src/session/", import.meta.url));

interface Fault {
  readonly file: "queue.ts" | "session.ts" | "view.ts";
  readonly from: string;
  readonly to: string;
}

export const FAULTS = {
  "what was unanswered when the connection was lost is forgotten": {
    file: "queue.ts",
    from: "doubt(one, true);",
    to: "letGo(one);",
  },
  "after a refusal the rest of the lane goes on": {
    file: "queue.ts",
    from: "const stands = { counter, ...nothingStands() };",
    to: "if (counter > 0) return asked; const stands = { counter, ...nothingStands() };",
  },
  "what was sent behind a refused operation is not asked for": {
    file: "queue.ts",
    from: "if (after.isInFlight || after.isUncertain) {",
    to: "if (after.attempts < 0) {",
  },
  "changes are acknowledged before they are stored": {
    file: "session.ts",
    from: "pages.push({ page, view: index, begins });",
    to: "pages.push({ page, view: index, begins }); store(view, page.cursor, false);",
  },
  "changes are stored before it is known what became of what was sent": {
    file: "queue.ts",
    from: "if (uncertain === 0) return false;",
    to: "if (uncertain >= 0) return false;",
  },
  "what is to be sent later is overtaken by the rest of its lane": {
    file: "queue.ts",
    from: "nextMs = least(nextMs, one.notBeforeMs);\n        stand(stands, operation, lane);",
    to: "nextMs = least(nextMs, one.notBeforeMs);",
  },
  "a lane goes on while its first operation is unanswered": {
    file: "queue.ts",
    from: "flight.has(lane) ||",
    to: "",
  },
  "a connection is made while a page is being stored": {
    file: "session.ts",
    from: "untilMs <= nowMs && isOnline && !storing",
    to: "untilMs <= nowMs && isOnline",
  },
  "a page that was stored after its connection was lost is acknowledged on the next": {
    file: "session.ts",
    from: "if (storing) storing.isLost = true;",
    to: "",
  },
  "the shell hands in what is about to be set aside": {
    file: "queue.ts",
    from: "untold.push(stands);",
    to: "",
  },
} satisfies Record<string, Fault>;

/** Builds the session with a fault planted in it. */
export async function withFault(name: keyof typeof FAULTS): Promise<typeof newSession> {
  const { file, from, to }: Fault = FAULTS[name];
  let isPlanted = false;
  const plant = {
    name: "plant",
    enforce: "pre" as const,
    transform(code: string, id: string): string | undefined {
      if (id !== SOURCE + file) return undefined;
      isPlanted = code.split(from).length === 2;
      return code.replace(from, to);
    },
  };
  const built = await build({
    configFile: false,
    logLevel: "silent",
    plugins: [plant],
    build: { write: false, minify: false, lib: { entry: `${SOURCE}session.ts`, formats: ["es"] } },
  });
  const output = [built].flat().flatMap((one) => ("output" in one ? one.output : []));
  const code = output.map((chunk) => (chunk.type === "chunk" ? chunk.code : "")).join("");
  if (!isPlanted) throw new Error(`the fault does not fit the source any more: ${name}`);
  const module = (await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`)) as { newSession: typeof newSession };
  return module.newSession;
}
