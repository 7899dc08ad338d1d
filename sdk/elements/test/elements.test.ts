import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { defineWords } from "../src/index.js";
import { STATES } from "../src/words.js";
import { ago, holdClock, HOUR_MS, MINUTE_MS, NOW, part, put, seen, setHidden, settle, tidyUp } from "./stage.js";

beforeEach(holdClock);
afterEach(tidyUp);

const mark = (element: Element): string | undefined => element.shadowRoot?.querySelector("svg path")?.getAttribute("d") ?? undefined;

describe("sync-last-updated", () => {
  test("shows an age in a time element with the date as its title, and for who does not see titles", () => {
    const shown = put(`<sync-last-updated timestamp="${ago(5 * MINUTE_MS)}" show-relative time-zone="UTC" lang="en"></sync-last-updated>`);
    expect(seen(shown)).toBe("Last updated: 5 minutes ago");
    const time = part(shown, "time");
    expect([time.localName, time.getAttribute("datetime"), time.title]).toEqual(["time", "2024-01-31T11:55:00.000Z", "January 31, 2024 at 11:55 AM"]);
    expect(part(shown, "absolute").textContent).toBe(", January 31, 2024 at 11:55 AM");
  });

  test("shows the date without show-relative, and beyond thirty days, and that only once", () => {
    const shown = put(`<sync-last-updated timestamp="${ago(0)}" label="Saved" time-zone="UTC" lang="en"></sync-last-updated>`);
    expect(seen(shown)).toBe("Saved: January 31, 2024 at 12:00 PM");
    expect(part(shown, "absolute").textContent).toBe("");
    const old = put(`<sync-last-updated timestamp="${ago(30 * 24 * HOUR_MS)}" label="" show-relative time-zone="UTC" lang="en"></sync-last-updated>`);
    expect(seen(old)).toBe("January 1, 2024 at 12:00 PM");
    expect(part(old, "absolute").textContent).toBe("");
  });

  test("says never where there is no time, in no time element", () => {
    for (const attribute of ["", 'timestamp=""', 'timestamp="yesterday"']) {
      const shown = put(`<sync-last-updated ${attribute} show-relative lang="en"></sync-last-updated>`);
      expect(seen(shown)).toBe("Last updated: never");
      expect(shown.querySelector("time")).toBeNull();
    }
  });

  test("a time ahead of the clock is now, or a date, but never in so many minutes", () => {
    expect(seen(put(`<sync-last-updated timestamp="${ago(-3 * MINUTE_MS)}" label="" show-relative lang="en"></sync-last-updated>`))).toBe("now");
    const far = put(`<sync-last-updated timestamp="${ago(-HOUR_MS)}" label="" show-relative time-zone="UTC" lang="en"></sync-last-updated>`);
    expect(seen(far)).toBe("January 31, 2024 at 1:00 PM");
    vi.advanceTimersByTime(55 * MINUTE_MS);
    expect(seen(far)).toBe("now");
  });
});

describe("sync-status", () => {
  test("every state has words and a shape of its own", () => {
    const shown = STATES.map((state) => put(`<sync-status sync-status="${state}" last-synced-at="${ago(HOUR_MS)}" lang="en"></sync-status>`));
    expect(shown.map(seen)).toEqual([
      "Synced · 1 hour ago",
      "Syncing · last synced: 1 hour ago",
      "Waiting to sync · last synced: 1 hour ago",
      "Offline · last synced: 1 hour ago",
      "Conflict · last synced: 1 hour ago",
      "Sync failed · last synced: 1 hour ago",
      "Unknown · last synced: 1 hour ago",
    ]);
    expect(new Set(shown.map(mark)).size).toBe(STATES.length);
    expect(shown.map((element) => element.dataset["state"])).toEqual(STATES);
    expect(shown.map((element) => element.shadowRoot?.querySelector("svg")?.getAttribute("aria-hidden"))).toEqual(STATES.map(() => "true"));
  });

  test("what is no state is unknown, and without a time it never was the same", () => {
    for (const attribute of ["", 'sync-status="toString"', 'sync-status="SYNCED"']) {
      expect(seen(put(`<sync-status ${attribute} lang="en"></sync-status>`)), attribute).toBe("Unknown · last synced: never");
    }
    expect(seen(put(`<sync-status sync-status="synced" lang="en"></sync-status>`))).toBe("Synced · last synced: never");
  });

  test("only the state is in the live region, which is there before it changes and the same afterwards", async () => {
    const shown = put(`<sync-status sync-status="synced" last-synced-at="${ago(0)}" lang="en"></sync-status>`);
    const regions = [...shown.querySelectorAll("[role],[aria-live]")];
    expect(regions.map((region) => [region.getAttribute("role"), region.textContent])).toEqual([["status", "Synced"]]);
    shown.setAttribute("sync-status", "offline");
    await settle();
    expect(shown.querySelector("[role=status]")).toBe(regions[0]);
    expect(regions[0]?.textContent).toBe("Offline");
  });

  test("hours of ticks write nothing into a live region", () => {
    const shown = put(`<sync-status sync-status="synced" last-synced-at="${ago(0)}" lang="en"></sync-status>`);
    put(`<sync-data-freshness timestamp="${ago(0)}" lang="en"></sync-data-freshness>`);
    const written = vi.fn();
    const region = shown.querySelector("[role=status]");
    if (region === null) throw new Error("no live region");
    const watcher = new MutationObserver(written);
    watcher.observe(region, { childList: true, characterData: true, subtree: true, attributes: true });
    const before = seen(shown);
    vi.advanceTimersByTime(5 * HOUR_MS);
    expect(seen(shown)).not.toBe(before);
    expect(watcher.takeRecords()).toEqual([]);
    expect(written).not.toHaveBeenCalled();
  });
});

describe("sync-data-freshness", () => {
  test("changes words and shape exactly at 60 and 180 minutes, without anybody asking", () => {
    const shown = put(`<sync-data-freshness timestamp="${ago(0)}" lang="en"></sync-data-freshness>`);
    const shapes = new Set([mark(shown)]);
    expect(seen(shown)).toBe("Up to date · now");
    vi.advanceTimersByTime(HOUR_MS - 1);
    expect(seen(shown)).toBe("Up to date · 59 minutes ago");
    vi.advanceTimersByTime(1);
    expect([seen(shown), shown.dataset["state"]]).toEqual(["Getting old · 1 hour ago", "aging"]);
    shapes.add(mark(shown));
    vi.advanceTimersByTime(2 * HOUR_MS - 1);
    expect(seen(shown)).toBe("Getting old · 2 hours ago");
    vi.advanceTimersByTime(1);
    expect([seen(shown), shown.dataset["state"]]).toEqual(["Out of date · 3 hours ago", "stale"]);
    shapes.add(mark(shown));
    expect(shapes.size).toBe(3);
  });

  test("takes thresholds of the page, also between two minutes, and ignores what is none", () => {
    const shown = put(`<sync-data-freshness timestamp="${ago(0)}" warning-threshold-minutes="0.5" error-threshold-minutes="2" lang="en"></sync-data-freshness>`);
    vi.advanceTimersByTime(30_000 - 1);
    expect(seen(shown)).toBe("Up to date · now");
    vi.advanceTimersByTime(1);
    expect(seen(shown)).toBe("Getting old · now");
    vi.advanceTimersByTime(90_000);
    expect(seen(shown)).toBe("Out of date · 2 minutes ago");
    const odd = document.createElement("sync-data-freshness");
    for (const value of ["", " ", "x", "-1", "NaN"]) {
      odd.setAttribute("warning-threshold-minutes", value);
      expect(odd.warningThresholdMinutes, value).toBe(60);
    }
    expect(odd.errorThresholdMinutes).toBe(180);
    expect(seen(put(`<sync-data-freshness lang="en"></sync-data-freshness>`))).toBe("Unknown · never");
  });
});

describe("all of them", () => {
  test("touch no node that they have not made, and need none", () => {
    const shown = put(`<sync-last-updated timestamp="${ago(0)}" show-relative lang="en">Last updated: <time>noon</time></sync-last-updated>`);
    const given = [...shown.childNodes].slice(0, 2);
    vi.advanceTimersByTime(HOUR_MS);
    expect([...shown.childNodes].slice(0, 2)).toEqual(given);
    expect(given.map((node) => node.textContent)).toEqual(["Last updated: ", "noon"]);
    // Only what is in the slot is shown.
    expect([...shown.children].map((child) => child.slot)).toEqual(["", "live", "live", "live", "live"]);
    expect([...(shown.shadowRoot?.querySelectorAll("slot") ?? [])].map((slot) => slot.name)).toEqual(["live"]);
  });

  test("come back after a page has emptied them, and a copy shows itself once", async () => {
    const shown = put(`<sync-status sync-status="synced" lang="en"></sync-status>`);
    shown.textContent = "";
    shown.setAttribute("sync-status", "error");
    await settle();
    expect(seen(shown)).toBe("Sync failed · last synced: never");
    const copy = shown.cloneNode(true) as HTMLElement;
    document.body.append(copy);
    expect(copy.querySelectorAll("[data-part=state]")).toHaveLength(1);
    expect(mark(copy)).toBe(mark(shown));
  });

  test("keep properties in attributes, also those that were set before they were defined", async () => {
    const shown = document.createElement("sync-last-updated");
    Object.assign(shown, { timestamp: new Date(NOW - HOUR_MS), label: "Saved", showRelative: true, lang: "en" });
    document.body.append(shown);
    expect(shown.outerHTML).toContain(`timestamp="2024-01-31T11:00:00.000Z"`);
    expect(seen(shown)).toBe("Saved: 1 hour ago");
    shown.timestamp = NOW - 2 * HOUR_MS;
    shown.label = undefined;
    await settle();
    expect(seen(shown)).toBe("Last updated: 2 hours ago");
    shown.timestamp = new Date(NaN);
    shown.showRelative = false;
    await settle();
    expect([seen(shown), shown.hasAttribute("timestamp"), shown.showRelative]).toEqual(["Last updated: never", false, false]);

    const early = document.createElement("sync-data-freshness");
    Object.defineProperty(early, "timestamp", { value: ago(HOUR_MS), configurable: true, enumerable: true, writable: true });
    document.body.append(early);
    expect(early.getAttribute("timestamp")).toBe(ago(HOUR_MS));
  });

  test("speak English, German, Arabic and Japanese, by the nearest ancestor that names a language", () => {
    const said = ["en", "de", "ar-EG", "ja"].map((language) => {
      const place = put(`<div lang="${language}"><p><sync-last-updated timestamp="${ago(0)}" show-relative></sync-last-updated><sync-status sync-status="offline" last-synced-at="${ago(5 * MINUTE_MS)}"></sync-status><sync-data-freshness timestamp="${ago(26 * HOUR_MS)}"></sync-data-freshness></p></div>`);
      // Whether Japanese parts number and unit is a matter of the platform's version.
      return [...place.querySelectorAll("p > *")].map((element) => seen(element).replace(/(\d) (?=[分日])/, "$1"));
    });
    expect(said).toEqual([
      ["Last updated: now", "Offline · last synced: 5 minutes ago", "Out of date · 1 day ago"],
      ["Zuletzt aktualisiert: jetzt", "Offline · zuletzt synchronisiert: vor 5 Minuten", "Veraltet · vor 1 Tag"],
      ["آخر تحديث: الآن", "غير متصل · آخر مزامنة: قبل ٥ دقائق", "قديم · قبل يوم واحد"],
      ["最終更新: 今", "オフライン · 最終同期: 5分前", "古い · 1日前"],
    ]);
  });

  test("follow a language that changes, and say what they cannot say in it in English that is marked as such", async () => {
    const shown = put(`<sync-status sync-status="synced" last-synced-at="${ago(5 * MINUTE_MS)}"></sync-status>`);
    document.documentElement.lang = "de-AT";
    await vi.waitFor(() => expect(seen(shown)).toBe("Synchronisiert · vor 5 Minuten"));
    document.documentElement.lang = "fr";
    await vi.waitFor(() => expect(seen(shown)).toBe("Synced · il y a 5 minutes"));
    expect([part(shown, "state").lang, part(shown, "time").hasAttribute("lang")]).toEqual(["en", false]);
    defineWords("fr-FR", { synced: "Synchronisé" });
    shown.lang = "fr";
    await vi.waitFor(() => expect(seen(shown)).toBe("Synchronisé · il y a 5 minutes"));
    expect(part(shown, "state").hasAttribute("lang")).toBe(false);
    shown.lang = "not a language";
    await vi.waitFor(() => expect(seen(shown)).toContain("5 minutes ago"));
  });

  test("look for the language around the shadow roots that they stand in", () => {
    const host = put(`<div lang="de"><p></p></div>`).firstElementChild;
    const root = host?.attachShadow({ mode: "open" });
    if (root === undefined) throw new Error("no shadow");
    root.innerHTML = `<sync-status sync-status="synced" last-synced-at="${ago(5 * MINUTE_MS)}"></sync-status>`;
    expect(seen(root.children[0] as Element)).toBe("Synchronisiert · vor 5 Minuten");
  });

  test("a zone that there is not is as none", () => {
    const [odd, own] = ["Mars/Olympus", ""].map((zone) => put(`<sync-last-updated timestamp="${ago(0)}" time-zone="${zone}" lang="en"></sync-last-updated>`));
    if (odd === undefined || own === undefined) throw new Error("not put");
    expect(seen(odd)).toBe(seen(own));
  });

  test("a thousand share one timer, which sleeps until the next of them changes, and not while nobody looks", () => {
    const set = vi.spyOn(globalThis, "setTimeout");
    for (let at = 0; at < 1000; at += 1) put(`<sync-data-freshness timestamp="${ago(at * 1_000)}" lang="en"></sync-data-freshness>`);
    expect(vi.getTimerCount()).toBe(1);
    // The next is the one that is 59 seconds old, in one second; nobody wakes before.
    const before = set.mock.calls.length;
    vi.advanceTimersByTime(999);
    expect(set.mock.calls.length).toBe(before);
    vi.advanceTimersByTime(1);
    expect([set.mock.calls.length - before, vi.getTimerCount()]).toEqual([1, 1]);

    setHidden(true);
    expect(vi.getTimerCount()).toBe(0);
    put(`<sync-data-freshness timestamp="${ago(0)}" lang="en"></sync-data-freshness>`);
    expect(vi.getTimerCount()).toBe(0);
    vi.setSystemTime(NOW + 3 * HOUR_MS);
    setHidden(false);
    expect(vi.getTimerCount()).toBe(1);
    expect([...document.body.children].map(seen).filter((text) => !text.startsWith("Out of date"))).toEqual([]);

    document.body.replaceChildren();
    expect(vi.getTimerCount()).toBe(0);

    put(`<sync-data-freshness timestamp="${new Date(Date.now()).toISOString()}" lang="en"></sync-data-freshness>`);
    const alone = set.mock.calls.length;
    vi.advanceTimersByTime(MINUTE_MS - 1);
    expect(set.mock.calls.length).toBe(alone);
    vi.advanceTimersByTime(1);
    expect(set.mock.calls.length).toBe(alone + 1);
    set.mockRestore();
  });

  test("a time that says nothing new has no timer", () => {
    put(`<sync-last-updated timestamp="${ago(0)}" lang="en"></sync-last-updated><sync-status lang="en"></sync-status>`);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("after a device has slept, what it shows is right within a minute", () => {
    const shown = put(`<sync-data-freshness timestamp="${ago(61 * MINUTE_MS)}" lang="en"></sync-data-freshness>`);
    // Its clock went on and its timers did not.
    vi.setSystemTime(NOW + 8 * HOUR_MS);
    expect(seen(shown)).toBe("Getting old · 1 hour ago");
    vi.advanceTimersByTime(MINUTE_MS);
    expect(seen(shown)).toBe("Out of date · 9 hours ago");
  });
});
