/** The hub that all functions of an application ask. */

import { connectHub, type Hub, type HubFacts } from "./hub.js";

/** Reads the data of a resource as the application has it now; `undefined` where there is none. */
export type Read = (id: string) => unknown;

/** What an application says once, before anything else; what is left out is read from the environment. */
export interface Configuration extends HubFacts {
  /** How `syncEnrollmentNow` and `syncProfileNow` come by the data. */
  readonly read?: { readonly enrollment?: Read | undefined; readonly profile?: Read | undefined } | undefined;
}

/** What the functions of an application share. */
export interface Scope {
  hub: Hub;
  configuration: Configuration;
}

/** Returns a scope of its own. */
export function createScope(configuration: Configuration = {}): Scope {
  return { hub: connectHub(configuration), configuration };
}

/** That of `SyncService` and `SyncMonitor`. */
export const COMMON: Scope = createScope();
