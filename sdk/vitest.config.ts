import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** No test is about how long something takes: a busy machine takes its time. */
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };

/** The hooks and the elements are tested over the sources, with either version of React. */
function react(name: string, alias: Record<string, string>) {
  return {
    resolve: { alias: { "@syncline/client": at("client/src/index.ts"), ...alias } },
    test: { name, include: ["react/test/**/*.test.{ts,tsx}", "elements/test/**/*.test.tsx"], environment: "happy-dom", ...patience },
  };
}

export default defineConfig({
  test: {
    // Tests in `browsers` need browsers, those in `packaging` a registry: they have configurations of their own.
    projects: [
      { test: { name: "client", include: ["client/test/**/*.test.ts"], ...patience } },
      { test: { name: "elements", include: ["elements/test/**/*.test.ts"], environment: "happy-dom", ...patience } },
      { resolve: { alias: { "@/lib": at("app/src") } }, test: { name: "app", include: ["app/test/**/*.test.ts"], ...patience } },
      { test: { name: "anywheredoor", include: ["anywheredoor/test/**/*.test.ts"], ...patience } },
      {
        extends: at("../dashboard/vite.config.ts"),
        root: at("../dashboard"),
        // It has its own packages, and is tested with these.
        resolve: { alias: { vitest: at("node_modules/vitest") } },
        test: { name: "dashboard", include: ["test/**/*.test.ts"], ...patience },
      },
      react("react-19", {}),
      react("react-18", { react: at("react-18/node_modules/react"), "react-dom": at("react-18/node_modules/react-dom") }),
    ],
  },
});
