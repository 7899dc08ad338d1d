/** Where the pages begin. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { listenToKeys } from "./frame/keys";
import { applyTheme } from "./frame/theme";
import { HubError } from "./hub/ask";
import { resume } from "./hub/session";
import "./look/look.css";
import { router } from "./router";

/** How often a read is repeated that the hub did not answer at all; what it refused is not asked again. */
const RETRIES_MAX = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: (count, error) => error instanceof HubError && error.status === 0 && count < RETRIES_MAX, refetchOnWindowFocus: true },
    // A change is sent once: whether it was done nobody can tell from a missing answer.
    mutations: { retry: false },
  },
});

applyTheme();
listenToKeys();
void resume();

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
