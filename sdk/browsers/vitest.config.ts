import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Bounds for what hangs; no test measures by them. */
const waits = { testTimeout: 600_000, hookTimeout: 600_000 };
const measured = "test/latency.test.ts";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    globalSetup: ["harness/pages.ts", "harness/dashboard.ts"],
    // Browsers wait more than they work, but not so much that more of them would be of use.
    maxWorkers: 2,
    projects: [
      { test: { name: "browsers", include: ["test/**/*.test.ts"], exclude: [measured], sequence: { groupOrder: 0 }, ...waits } },
      // What is measured has the machine to itself.
      { test: { name: "measured", include: [measured], sequence: { groupOrder: 1 }, ...waits } },
    ],
  },
});
