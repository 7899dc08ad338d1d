import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["harness/pages.ts"],
    // One browser uses all the processors there are.
    fileParallelism: false,
    // A bound for what hangs; no test measures by it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
