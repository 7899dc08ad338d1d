import { expect, test } from "vitest";
import { dataFreshness, lastUpdated, syncStatus, toHtml } from "../src/html.js";

const timestamp = "2024-01-31T12:00:00.000Z";

test("a server writes a date that is seen without scripts, with its zone, in the reader's language", () => {
  expect(toHtml(lastUpdated({ timestamp }))).toBe(
    `<sync-last-updated timestamp="${timestamp}" show-relative="">Last updated: <time datetime="${timestamp}">January 31, 2024 at 12:00 PM UTC</time></sync-last-updated>`,
  );
  expect(toHtml(syncStatus({ lastSyncedAt: Date.parse(timestamp), syncStatus: "offline" }, { language: "de", timeZone: "Europe/Berlin" }))).toBe(
    `<sync-status last-synced-at="${timestamp}" sync-status="offline">Offline · zuletzt synchronisiert: <time datetime="${timestamp}">31. Januar 2024 um 13:00 MEZ</time></sync-status>`,
  );
  expect(toHtml(dataFreshness({ timestamp: new Date(timestamp), warningThresholdMinutes: 60 }, { language: "ja" }))).toBe(
    `<sync-data-freshness timestamp="${timestamp}" warning-threshold-minutes="60">最終更新: <time datetime="${timestamp}">2024年1月31日 12:00 UTC</time></sync-data-freshness>`,
  );
});

test("what is no time is never, and a label is a text and nothing else", () => {
  expect(toHtml(lastUpdated({ label: "", showRelative: false }))).toBe(`<sync-last-updated label="">never</sync-last-updated>`);
  expect(toHtml(lastUpdated({ label: `"><script>'&`, timestamp: "soon" }))).toBe(
    `<sync-last-updated label="&quot;&gt;&lt;script&gt;&#39;&amp;" show-relative="">&quot;&gt;&lt;script&gt;&#39;&amp;: never</sync-last-updated>`,
  );
  expect(toHtml(syncStatus({ syncStatus: `"><b>` }))).toBe(`<sync-status sync-status="&quot;&gt;&lt;b&gt;">Unknown · last synced: never</sync-status>`);
  expect(lastUpdated({ label: "Saved" }, { language: "not a language" }).inside).toBe("Saved: never");
});
