/** Data sealed at rest with a key that the browser keeps. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Browser, type Kind, type Profile } from "../harness/browser.js";
import { type Pages, servePages } from "../harness/pages.js";
import { withBrowser, withProfile } from "../harness/with-browser.js";

let pages: Pages;
beforeAll(async () => {
  pages = await servePages();
});
afterAll(() => pages.close());

/** Returns whether a text stands somewhere in a profile, as browsers write it: Chromium has keys in UTF-16, and Firefox adds one to each letter. */
function standsIn(folder: string, text: string): boolean {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const wide = Buffer.from(text, "utf16le");
  const codings = [Buffer.from(text, "utf8"), wide, Buffer.from(wide).swap16(), Buffer.from(Buffer.from(text, "utf8").map((byte) => byte + 1))];
  return files.some((file) => {
    const bytes = bytesOf(join(file.parentPath, file.name));
    return codings.some((coding) => bytes.includes(coding));
  });
}

/** Returns what a file holds: nothing where it is gone, as those are that a browser makes for a moment. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

describe.each<Kind>(["chromium", "firefox", "webkit"])("%s", (kind) => {
  test("a sealed place keeps to the contract of places, and its key cannot be read", () =>
    withBrowser(kind, async (browser) => {
      const tab = await browser.open(`${pages.origin}/`);
      const told = await tab.run(async () => {
        const [{ RULES }, { browserKey, encrypted }] = await Promise.all([window.page.contract(), window.page.encryption()]);
        const broken: string[] = [];
        for (const [name, rule] of Object.entries(RULES)) {
          const kind = { open: encrypted(window.page.indexeddb(), browserKey()), isKept: true };
          await rule(kind, `sealed place of ${name}`).catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
        }
        const { keys } = await browserKey().keys("a place", undefined);
        const exported = await Promise.allSettled([keys.rows, keys.names].map((key) => crypto.subtle.exportKey("raw", key)));
        return [broken, exported.map(({ status }) => status)] as const;
      });
      expect(told).toEqual([[], ["rejected", "rejected"]]);
    }));
});

describe.each<Kind>(["chromium", "firefox"])("%s", (kind) => {
  test("values and ids stand in the profile of a plain place, and not in that of a sealed one, which a new start opens", async () => {
    const secrets = ["mathilde-owes-4711", "note-of-mathilde"] as const;
    const write = async (profile: Profile, isSealed: boolean): Promise<void> => {
      const browser = await Browser.start(kind, profile);
      const tab = await browser.open(`${pages.origin}/`);
      await tab.run(
        async ([value, id], isSealed) => {
          const { browserKey, encrypted } = await window.page.encryption();
          const open = isSealed ? encrypted(window.page.indexeddb(), browserKey()) : window.page.indexeddb();
          const storage = await open("notes");
          await storage.commit({ put: [["records", id, value], ["meta", id, value]] });
          await storage.flush?.();
        },
        secrets,
        isSealed,
      );
      await browser.close();
    };
    await withProfile(async (profile) => {
      await write(profile, false);
      expect(secrets.map((secret) => standsIn(profile.folder, secret))).toEqual([true, true]);
    });
    await withProfile(async (profile) => {
      await write(profile, true);
      expect(secrets.map((secret) => standsIn(profile.folder, secret))).toEqual([false, false]);
      const browser = await Browser.start(kind, profile);
      const tab = await browser.open(`${pages.origin}/`);
      const opened = await tab.run(async () => {
        const { browserKey, encrypted } = await window.page.encryption();
        const storage = await encrypted(window.page.indexeddb(), browserKey())("notes");
        return [...((await storage.load()).get("records") ?? [])];
      });
      await browser.close();
      expect(opened).toEqual([[secrets[1], secrets[0]]]);
    });
  });
});
