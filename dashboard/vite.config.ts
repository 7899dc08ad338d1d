import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { weighed } from "./size.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The hub that pages under development ask. */
const HUB = process.env["SYNCLINE_HUB"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  root: at("."),
  base: "/dashboard/",
  resolve: {
    alias: [
      { find: "@syncline/elements/react", replacement: at("../sdk/elements/src/react.ts") },
      // The elements lie in another folder, which may have a React of its own: there must be one.
      { find: /^(react|react-dom)(?=\/|$)/, replacement: `${at("./node_modules/")}$1` },
    ],
  },
  plugins: [weighed()],
  oxc: { jsx: { runtime: "automatic" } },
  build: {
    outDir: at("./dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsDir: "assets",
    // Nothing inline, which the content policy of the hub would refuse.
    assetsInlineLimit: 0,
    // The licences of what the pages are made with go where the pages go.
    license: { fileName: "licences.txt" },
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog: (level, log, handle) => {
        // What marks a module for servers says nothing to a browser.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log);
      },
    },
  },
  server: {
    port: 5174,
    strictPort: true,
    // The host stays as the browser named it: the hub compares it with the origin.
    proxy: Object.fromEntries(["/v1", "/h/", "/problems", "/healthz"].map((path) => [path, { target: HUB, changeOrigin: false }])),
  },
});
