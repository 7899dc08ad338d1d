/** The elements that say how fresh something is, as everybody sees and hears them. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaints } from "../harness/axe.js";
import type { Browser, Kind } from "../harness/browser.js";
import { type Pages, servePages } from "../harness/pages.js";
import type { Tab } from "../harness/tab.js";
import { withBrowser } from "../harness/with-browser.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

/** Opens the page with the elements, on a clock that is off by so much. */
async function open(browser: Browser, clockMs = 0): Promise<Tab> {
  const tab = await browser.open(`${pages.origin}/elements.html?clock=${clockMs}`);
  // They are loaded after the clock is put off, and that may be after the page is.
  await tab.run(async () => {
    while (!("elements" in window)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  return tab;
}

const ago = (ageMs: number): string => new Date(Date.now() - ageMs).toISOString();

/** Puts HTML onto the stage, and returns what is seen of every element of ours there, once it is. */
function put(tab: Tab, html: string): Promise<readonly string[]> {
  return tab.run((markup) => {
    const stage = document.getElementById("stage");
    if (stage === null) throw new Error("no stage");
    stage.innerHTML = markup;
    return [...stage.querySelectorAll<HTMLElement>("sync-last-updated, sync-status, sync-data-freshness")].map((element) => element.innerText.replaceAll(/\s+/g, " ").trim());
  }, html);
}

const STATES = ["synced", "syncing", "pending", "offline", "conflict", "error", "unknown"];

/** Every element in every state. */
function everything(): string {
  const statuses = STATES.map((state) => `<p><sync-status sync-status="${state}" last-synced-at="${ago(HOUR_MS)}"></sync-status></p>`);
  const freshness = [5, 90, 300].map((minutes) => `<p><sync-data-freshness timestamp="${ago(minutes * MINUTE_MS)}"></sync-data-freshness></p>`);
  const updated = ["show-relative", ""].map((attribute) => `<p><sync-last-updated timestamp="${ago(HOUR_MS)}" ${attribute}></sync-last-updated></p>`);
  return [...statuses, ...freshness, ...updated, "<p><sync-last-updated></sync-last-updated> <sync-status></sync-status> <sync-data-freshness></sync-data-freshness></p>"].join("");
}

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("axe finds nothing to mend in any state, in light and dark and from right to left, under a strict content policy", () =>
    withBrowser(kind, async (browser) => {
      const tab = await open(browser);
      const found: string[] = [];
      for (const [scheme, language, direction] of [["light", "en", "ltr"], ["dark", "en", "ltr"], ["light", "ar", "rtl"]] as const) {
        await tab.run((colours, lang, dir) => {
          Object.assign(document.documentElement, { lang, dir });
          const [color, backgroundColor] = colours === "dark" ? ["#fff", "#1f1f1f"] : ["#000", "#fff"];
          Object.assign(document.documentElement.style, { colorScheme: colours, color, backgroundColor });
        }, scheme, language, direction);
        const shown = await put(tab, everything());
        expect(shown).toHaveLength(15);
        found.push(...(await complaints(tab)).map((complaint) => `${scheme} ${language}: ${complaint}`));
        // Shapes are seen: they have a size, a colour of the scheme, and stand before the words.
        const marks = await tab.run(() =>
          [...document.querySelectorAll("sync-status")].map((element) => {
            const mark = element.shadowRoot?.querySelector("svg")?.getBoundingClientRect();
            const word = element.querySelector("[role=status]")?.getBoundingClientRect();
            const colour = getComputedStyle(element.shadowRoot?.querySelector("svg") ?? element).color;
            if (mark === undefined || word === undefined) throw new Error("no mark");
            return { isThere: mark.width > 8, isBefore: mark.right <= word.left, isBehind: mark.left >= word.right, colour };
          }),
        );
        expect(marks.every(({ isThere }) => isThere)).toBe(true);
        expect(marks.every(({ isBefore, isBehind }) => (direction === "rtl" ? isBehind : isBefore))).toBe(true);
        expect(marks[0]?.colour).toBe(scheme === "dark" ? "rgb(125, 220, 159)" : "rgb(21, 112, 58)");
      }
      expect(found).toEqual([]);
      // Axe sees what is planted.
      await tab.run(() => document.querySelector("sync-status [role=status]")?.setAttribute("role", "nonsense"));
      expect(await complaints(tab)).not.toEqual([]);
    }));

  test("time that passes writes nothing into a live region, and a change of the state one word", () =>
    withBrowser(kind, async (browser) => {
      const tab = await open(browser);
      // One of them changes within seconds, by the page's own clock.
      await put(tab, `${everything()}<sync-data-freshness id="next" timestamp="${ago(MINUTE_MS - 3_000)}"></sync-data-freshness>`);
      const { ticked, changed } = await tab.run(async (hourMs) => {
        const regions = [...document.querySelectorAll("[role=status], [role=alert], [role=log], [role=timer], [aria-live]:not([aria-live=off]), output")];
        if (regions.length !== 8) throw new Error(`${regions.length} live regions`);
        const records: MutationRecord[] = [];
        const watcher = new MutationObserver((some) => void records.push(...some));
        for (const region of regions) watcher.observe(region, { childList: true, characterData: true, attributes: true, subtree: true });
        const next = document.getElementById("next");
        const end = Date.now() + 50_000;
        while (next?.textContent?.includes("now") !== false) {
          if (Date.now() > end) throw new Error(`it never ticked: ${next?.textContent}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        // Then hours at a time: the server says that it is later.
        for (let hours = 1; hours <= 30; hours += 1) window.elements.learnServerTime(Date.now() + hours * hourMs);
        const status = document.querySelector<HTMLElement>("sync-status[sync-status=synced]");
        if (status?.textContent?.includes("1 day ago") !== true) throw new Error(`no tick: ${status?.textContent}`);
        const ticked = records.length + watcher.takeRecords().length;
        status.setAttribute("sync-status", "offline");
        await Promise.resolve();
        const changed = [...new Set([...records, ...watcher.takeRecords()].map(({ target }) => target.textContent))];
        return { ticked, changed };
      }, HOUR_MS);
      expect(ticked).toBe(0);
      expect(changed).toEqual(["Offline"]);
    }));

  test("without scripts the date is seen; with them what they say, and only that", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      const seen = await tab.run(async (address) => {
        const look = async (sandbox: string, hasScripts: boolean) => {
          const frame = document.createElement("iframe");
          frame.setAttribute("sandbox", sandbox);
          frame.src = address;
          document.body.append(frame);
          await new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
          // They are loaded after the page is, if at all.
          while (hasScripts && frame.contentWindow !== null && !("elements" in frame.contentWindow)) await new Promise((resolve) => setTimeout(resolve, 10));
          const written = frame.contentDocument?.getElementById("written");
          const given = written?.querySelector("time:not([slot])");
          const isRunning = frame.contentWindow !== null && "elements" in frame.contentWindow;
          return { isRunning, text: written?.innerText, isGivenSeen: (given?.getClientRects().length ?? 0) > 0 };
        };
        return [await look("allow-same-origin", false), await look("allow-same-origin allow-scripts", true)];
      }, `${pages.origin}/elements.html`);
      expect(seen[0]).toEqual({ isRunning: false, text: "Written: 31 January 2024, 12:00 UTC", isGivenSeen: true });
      expect(seen[1]).toMatchObject({ isRunning: true, isGivenSeen: false });
      expect(seen[1]?.text).toMatch(/^Written: January 31, 2024/);
    }));

  test("a clock that is off by an hour tells the right age once an answer of the server has come", () =>
    withBrowser(kind, async (browser) => {
      for (const offMs of [HOUR_MS, -HOUR_MS]) {
        const tab = await open(browser, offMs);
        const element = (): string => `<sync-last-updated timestamp="${ago(5.5 * MINUTE_MS)}" label="" show-relative></sync-last-updated>`;
        // Ahead, it would be an hour older; behind, it would be in the future, which no age says.
        expect(await put(tab, element())).not.toEqual([expect.stringContaining("5 minutes ago")]);
        await tab.run(async (address) => {
          const answer = await fetch(address, { cache: "no-store" });
          if (!window.elements.learnServerTime(answer)) throw new Error("no date");
        }, `${pages.origin}/index.html`);
        const shown = await put(tab, element());
        expect(shown).toEqual([expect.stringMatching(/^5 minutes ago/)]);
      }
    }));

  test("speaks English, German, Arabic and Japanese", () =>
    withBrowser(kind, async (browser) => {
      const tab = await open(browser);
      const html = ["en", "de", "ar-EG", "ja"].map(
        (language) => `<p lang="${language}"><sync-last-updated timestamp="${ago(5_000)}" show-relative></sync-last-updated><sync-status sync-status="offline" last-synced-at="${ago(5.5 * MINUTE_MS)}"></sync-status><sync-data-freshness timestamp="${ago(26 * HOUR_MS)}"></sync-data-freshness></p>`,
      );
      await put(tab, html.join(""));
      const said = await tab.run(() =>
        [...document.querySelectorAll("#stage p")].map((place) =>
          [...place.children].map((element) =>
            ["state", "lead", "time"].map((part) => element.querySelector(`[data-part=${part}]`)?.textContent).join("").replace(/(\d) (?=[分日])/, "$1"),
          ),
        ),
      );
      expect(said).toEqual([
        ["Last updated: now", "Offline · last synced: 5 minutes ago", "Out of date · 1 day ago"],
        ["Zuletzt aktualisiert: jetzt", "Offline · zuletzt synchronisiert: vor 5 Minuten", "Veraltet · vor 1 Tag"],
        ["آخر تحديث: الآن", "غير متصل · آخر مزامنة: قبل ٥ دقائق", "قديم · قبل يوم واحد"],
        ["最終更新: 今", "オフライン · 最終同期: 5分前", "古い · 1日前"],
      ]);
    }));

  test("a thousand on a page have one timer", () =>
    withBrowser(kind, async (browser) => {
      const tab = await open(browser);
      const timers = await tab.run((then) => {
        const [set, clear] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
        const running = new Set<number>();
        let most = 0;
        Object.assign(window, {
          setTimeout: (work: () => void, ms: number) => {
            const id = set(() => {
              running.delete(id);
              work();
            }, ms);
            running.add(id);
            most = Math.max(most, running.size);
            return id;
          },
          clearTimeout: (id: number) => {
            running.delete(id);
            clear(id);
          },
        });
        const stage = document.getElementById("stage");
        if (stage === null) throw new Error("no stage");
        stage.innerHTML = Array.from({ length: 1000 }, (_, at) => `<sync-data-freshness timestamp="${new Date(then - at * 1000).toISOString()}"></sync-data-freshness>`).join("");
        const shown = stage.querySelectorAll("time[slot=live]").length;
        return { shown, most, now: running.size };
      }, Date.now());
      expect(timers).toEqual({ shown: 1000, most: 1, now: 1 });
    }));
});

test("a screen reader is given the age with its date, and nothing that is hidden", () =>
  withBrowser("chromium", async (browser) => {
    const tab = await open(browser);
    await put(tab, `<sync-status sync-status="offline" last-synced-at="${ago(5.5 * MINUTE_MS)}">Nothing is known: <time datetime="2024-01-31">some day</time></sync-status>`);
    await tab.cdp("Accessibility.enable");
    interface Node {
      readonly nodeId: string;
      readonly ignored: boolean;
      readonly role?: { readonly value: string };
      readonly name?: { readonly value: string };
      readonly childIds?: readonly string[];
    }
    const { nodes } = (await tab.cdp("Accessibility.getFullAXTree")) as { nodes: readonly Node[] };
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    // In the order in which it is read.
    const read = (node: Node | undefined): string => {
      if (node === undefined) return "";
      if (!node.ignored && node.role?.value === "StaticText") return node.name?.value ?? "";
      return (node.childIds ?? []).map((id) => read(byId.get(id))).join("");
    };
    const text = read(nodes[0]);
    expect(text).toMatch(/Offline · last synced: 5 minutes ago, \w+ \d+, \d{4} at/);
    expect(text).not.toContain("some day");
    expect(nodes.filter(({ ignored, role }) => !ignored && role?.value === "status")).toHaveLength(1);
  }));
