/** Runs `harness/applications.ts`, also where Node reads no TypeScript. */

import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const { module } = await runnerImport(fileURLToPath(new URL("harness/applications.ts", import.meta.url)));
await module.play(process.argv.slice(2));
