/** Browsers that end with the test that started them. */

import { Browser, type Kind, Profile } from "./browser.js";

/** Runs with a browser on a new profile; both are gone afterwards, whatever happens. */
export async function withBrowser<T>(kind: Kind, work: (browser: Browser) => Promise<T>): Promise<T> {
  return withProfile(async (profile) => {
    const browser = await Browser.start(kind, profile);
    try {
      return await work(browser);
    } finally {
      await browser.close();
    }
  });
}

/** Runs with a new profile, for browsers that the test starts and ends itself. */
export async function withProfile<T>(work: (profile: Profile) => Promise<T>): Promise<T> {
  const profile = new Profile();
  try {
    return await work(profile);
  } finally {
    await profile.remove();
  }
}
