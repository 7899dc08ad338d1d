/** Sends what waits: which hub it is, and who asks, stands in its own address. */

import { handleSync } from "@syncline/client/worker";

/** What is needed of the globals of a service worker. */
declare const self: EventTarget & { readonly location: Location; skipWaiting(): Promise<void> };

const facts = new URL(self.location.href).searchParams;
const optionsOf = (name: string) => ({ name, url: facts.get("url") ?? "", token: facts.get("token") ?? "" });

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("sync", (event) => void handleSync(event, optionsOf));
// What a test says stands for the event `sync` where a browser has none. Both have `waitUntil`.
self.addEventListener("message", (event) => {
  const { data } = event as MessageEvent<string>;
  const asked = new Proxy(event, { get: (target, member) => (member === "tag" ? data : Reflect.get(target, member).bind(target)) });
  handleSync(asked, optionsOf);
});
