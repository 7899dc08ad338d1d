/** Which address shows which page. Each page is loaded when it is gone to. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, useRouter } from "@tanstack/react-router";
import { type ReactElement, useEffect } from "react";
import { Frame } from "./frame/frame";
import { ask, HubError } from "./hub/ask";
import { Empty, Page } from "./parts/page";
import { Problem } from "./parts/problem";
import { TEXTS } from "./texts/texts";

const text = (search: Record<string, unknown>, name: string): string | undefined => {
  const value = search[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** A time as a form of the browser says it; what is none narrows nothing. */
const time = (search: Record<string, unknown>, name: string): string | undefined => {
  const value = text(search, name);
  return value === undefined || Number.isNaN(Date.parse(value)) ? undefined : value;
};

/** After how long a page that the hub did not bring is asked for again, in milliseconds. */
const AGAIN_MS = 3_000;

/** A page that cannot be shown, within what surrounds all of them; where the hub does not answer it is asked for until it does. */
function NotShown({ error }: { readonly error: unknown }): ReactElement {
  const router = useRouter();
  const isAway = error instanceof HubError;
  useEffect(() => {
    if (!isAway) return;
    const timer = setInterval(() => void router.invalidate(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [isAway, router]);
  return (
    <Page title={TEXTS.frame.notShown}>
      <Problem error={error} retry={() => (isAway ? void router.invalidate() : location.reload())} />
    </Page>
  );
}

/**
 * A page that is loaded when it is gone to. Where that fails because the hub does not answer, this is said; where it answers, it has other
 * pages than when this one was opened, and all of them are opened anew, once.
 */
const page: typeof lazyRouteComponent = (load, name) =>
  lazyRouteComponent(async () => {
    try {
      return await load();
    } catch (cause) {
      await ask("/healthz");
      throw cause;
    }
  }, name);

function NotFound(): ReactElement {
  return (
    <Page title={TEXTS.frame.notFound}>
      <Empty title={TEXTS.frame.notFoundHelp} />
    </Page>
  );
}

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: ({ error }) => <Problem error={error} retry={() => location.reload()} /> });

const overview = createRoute({ getParentRoute: () => root, path: "/", component: page(() => import("./pages/home"), "Home") });

const STATUSES = ["waiting", "open", "all"] as const;
const KINDS = ["values", "texts", "deletion", "minimum", "shapes", "other"] as const;

/** What the list of conflicts is narrowed to. */
export interface ConflictSearch {
  readonly entity?: string;
  readonly status?: (typeof STATUSES)[number];
  readonly kind?: (typeof KINDS)[number];
  readonly writer?: string;
  readonly approval?: "yes";
}

const conflicts = createRoute({
  getParentRoute: () => root,
  path: "/conflicts",
  validateSearch: (search: Record<string, unknown>): ConflictSearch => {
    const [entity, writer] = [text(search, "entity"), text(search, "writer")];
    const status = STATUSES.find((one) => one === search["status"]);
    const kind = KINDS.find((one) => one === search["kind"]);
    return { ...(entity && { entity }), ...(status && { status }), ...(kind && { kind }), ...(writer && { writer }), ...(search["approval"] === "yes" && { approval: "yes" as const }) };
  },
  component: page(() => import("./pages/conflicts/list"), "ConflictList"),
});
const conflict = createRoute({ getParentRoute: () => root, path: "/conflicts/$conflict", component: page(() => import("./pages/conflicts/desk"), "Desk") });

const endpoints = createRoute({ getParentRoute: () => root, path: "/endpoints", component: page(() => import("./pages/endpoints/list"), "EndpointList") });
const endpoint = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint", component: page(() => import("./pages/endpoints/endpoint"), "EndpointPage") });

const DELIVERY_STATES = ["waiting", "parked", "sending", "retrying", "delivered", "dead", "cancelled"] as const;

/** What the deliveries of an endpoint are narrowed to, and which one is open. */
export interface DeliverySearch {
  readonly delivery?: string;
  readonly state?: (typeof DELIVERY_STATES)[number];
  readonly from?: string;
  readonly to?: string;
}

const deliveries = createRoute({
  getParentRoute: () => root,
  path: "/endpoints/$endpoint/deliveries",
  validateSearch: (search: Record<string, unknown>): DeliverySearch => {
    const [delivery, from, to] = [text(search, "delivery"), time(search, "from"), time(search, "to")];
    const state = DELIVERY_STATES.find((one) => one === search["state"]);
    return { ...(delivery && { delivery }), ...(state && { state }), ...(from && { from }), ...(to && { to }) };
  },
  component: page(() => import("./pages/endpoints/deliveries"), "Deliveries"),
});
const verify = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint/verify", component: page(() => import("./pages/endpoints/verify"), "Verify") });
const replay = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint/replay", component: page(() => import("./pages/endpoints/replay"), "ReplayPage") });

const dead = createRoute({ getParentRoute: () => root, path: "/dead", component: page(() => import("./pages/dead"), "DeadLetters") });

const events = createRoute({ getParentRoute: () => root, path: "/events", component: page(() => import("./pages/events"), "EventTypes") });

const records = createRoute({
  getParentRoute: () => root,
  path: "/records",
  validateSearch: (search: Record<string, unknown>): { readonly entity?: string; readonly id?: string; readonly at?: string } => {
    const [entity, id, at] = [text(search, "entity"), text(search, "id"), text(search, "at")];
    return { ...(entity && { entity }), ...(id && { id }), ...(at && { at }) };
  },
  component: page(() => import("./pages/records/records"), "Records"),
});

const domains = createRoute({ getParentRoute: () => root, path: "/domains", component: page(() => import("./pages/domains"), "Domains") });
const runs = createRoute({ getParentRoute: () => root, path: "/runs", component: page(() => import("./pages/runs"), "Runs") });
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: (search: Record<string, unknown>): { readonly category?: string; readonly action?: string; readonly user?: string; readonly from?: string; readonly to?: string } => {
    const found = ["category", "action", "user", "from", "to"].map((name) => [name, (name === "from" || name === "to" ? time : text)(search, name)] as const);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  },
  component: page(() => import("./pages/audit/audit"), "Audit"),
});

export const router = createRouter({
  routeTree: root.addChildren([overview, conflicts, conflict, endpoints, endpoint, deliveries, verify, replay, dead, events, records, domains, runs, audit]),
  basepath: "/dashboard",
  defaultPreload: "intent",
  defaultErrorComponent: NotShown,
  scrollRestoration: true,
  // Every part is a text: an id that looks like a number is none.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const parts = new URLSearchParams(Object.entries(search).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
    return parts.size === 0 ? "" : `?${parts.toString()}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
