import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Those need browsers, and have a configuration of their own.
    exclude: [...configDefaults.exclude, "browsers/**"],
  },
});
