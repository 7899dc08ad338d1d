import { defineConfig } from "vite";

export default defineConfig({
  // `hub/start.js` allows pages of this address.
  server: { port: 5173, strictPort: true },
  preview: { port: 5173, strictPort: true },
  // The hooks lie in another folder, which has a React of its own for its tests: there must be one.
  resolve: { dedupe: ["react", "react-dom"] },
});
