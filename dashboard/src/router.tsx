/** Which address shows which page. Each page is loaded when it is gone to. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { Frame } from "./frame/frame";
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

function NotFound(): ReactElement {
  return (
    <Page title={TEXTS.frame.notFound}>
      <Empty title={TEXTS.frame.notFoundHelp} />
    </Page>
  );
}

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: ({ error }) => <Problem error={error} retry={() => location.reload()} /> });

const overview = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(() => import("./pages/home"), "Home") });

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
  component: lazyRouteComponent(() => import("./pages/conflicts/list"), "ConflictList"),
});
const conflict = createRoute({ getParentRoute: () => root, path: "/conflicts/$conflict", component: lazyRouteComponent(() => import("./pages/conflicts/desk"), "Desk") });

const endpoints = createRoute({ getParentRoute: () => root, path: "/endpoints", component: lazyRouteComponent(() => import("./pages/endpoints/list"), "EndpointList") });
const endpoint = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint", component: lazyRouteComponent(() => import("./pages/endpoints/endpoint"), "EndpointPage") });

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
  component: lazyRouteComponent(() => import("./pages/endpoints/deliveries"), "Deliveries"),
});
const verify = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint/verify", component: lazyRouteComponent(() => import("./pages/endpoints/verify"), "Verify") });
const replay = createRoute({ getParentRoute: () => root, path: "/endpoints/$endpoint/replay", component: lazyRouteComponent(() => import("./pages/endpoints/replay"), "ReplayPage") });

const dead = createRoute({ getParentRoute: () => root, path: "/dead", component: lazyRouteComponent(() => import("./pages/dead"), "DeadLetters") });

const events = createRoute({ getParentRoute: () => root, path: "/events", component: lazyRouteComponent(() => import("./pages/events"), "EventTypes") });

const records = createRoute({
  getParentRoute: () => root,
  path: "/records",
  validateSearch: (search: Record<string, unknown>): { readonly entity?: string; readonly id?: string; readonly at?: string } => {
    const [entity, id, at] = [text(search, "entity"), text(search, "id"), text(search, "at")];
    return { ...(entity && { entity }), ...(id && { id }), ...(at && { at }) };
  },
  component: lazyRouteComponent(() => import("./pages/records/records"), "Records"),
});

const domains = createRoute({ getParentRoute: () => root, path: "/domains", component: lazyRouteComponent(() => import("./pages/domains"), "Domains") });
const runs = createRoute({ getParentRoute: () => root, path: "/runs", component: lazyRouteComponent(() => import("./pages/runs"), "Runs") });
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: (search: Record<string, unknown>): { readonly category?: string; readonly action?: string; readonly user?: string; readonly from?: string; readonly to?: string } => {
    const found = ["category", "action", "user", "from", "to"].map((name) => [name, (name === "from" || name === "to" ? time : text)(search, name)] as const);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  },
  component: lazyRouteComponent(() => import("./pages/audit/audit"), "Audit"),
});

export const router = createRouter({
  routeTree: root.addChildren([overview, conflicts, conflict, endpoints, endpoint, deliveries, verify, replay, dead, events, records, domains, runs, audit]),
  basepath: "/dashboard",
  defaultPreload: "intent",
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
