import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { learnServerTime } from "../src/index.js";
import { ago, holdClock, HOUR_MS, MINUTE_MS, NOW, put, seen, tidyUp } from "./stage.js";

beforeEach(holdClock);
afterEach(tidyUp);

test("a clock that is off by an hour tells the right age once the server has told the time, and what was shown before as well", () => {
  const html = `<sync-data-freshness timestamp="${ago(5 * MINUTE_MS)}" lang="en"></sync-data-freshness>`;
  for (const off of [HOUR_MS, -HOUR_MS]) {
    vi.setSystemTime(NOW + off);
    const before = put(html);
    expect(seen(before), String(off)).not.toContain("5 minutes");
    learnServerTime(new Date(NOW));
    expect([seen(before), seen(put(html))]).toEqual(["Up to date · 5 minutes ago", "Up to date · 5 minutes ago"]);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(seen(before)).toBe("Up to date · 6 minutes ago");
    vi.setSystemTime(NOW);
  }
});
