/** What snippets of the guides take for granted: an app around them. */

import type { Client, Json as JsonValue, JsonObject as JsonRecord, Options } from "@syncline/client";
import type { Adaptive } from "@syncline/client/adaptive";

declare global {
  type Json = JsonValue;
  type JsonObject = JsonRecord;
  const client: Client;
  const options: Options;
  const url: string;
  const hub: string;
  const token: string;
  const fetchToken: () => Promise<string>;
  const askForPassphrase: () => Promise<string>;
  const signInAgain: () => void;
  const adapted: Adaptive;
  const app: { readonly client: Client | undefined };
  const textarea: HTMLTextAreaElement;
  const badge: HTMLElement;
  const banner: { show(text?: string): void };
  const panel: { show(report: object): void };
}
