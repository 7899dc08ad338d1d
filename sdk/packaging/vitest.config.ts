import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // A bound for what hangs: a registry is asked, and compilers run.
  test: { testTimeout: 300_000, hookTimeout: 300_000 },
});
