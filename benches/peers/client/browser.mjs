// Contenders in Chromium: `alone` has each do the same in a page of its own, `together` has tabs and browsers of ours
// tell each other. The browser and its driver are those of `sdk/browsers`.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { asked, say } from './measure.mjs';

const { task, contenders = [], round = 0, sdk, hub: program } = asked();
process.env.SYNCLINE_BIN = program;

const EDITS = 200;
const PAUSE_MS = 15;

const vite = await import(pathToFileURL(createRequire(join(sdk, 'package.json')).resolve('vite')));
const load = async (path) => (await vite.runnerImport(join(sdk, path), { configFile: false, logLevel: 'error' })).module;
const { Browser, Profile } = await load('browsers/harness/browser.ts');
const { servePages } = await load('browsers/harness/pages.ts');
const { startHub } = await load('client/test/hub.ts');

const dist = fileURLToPath(new URL('dist', import.meta.url));
const source = fileURLToPath(new URL('pages', import.meta.url));
await vite.build({
  root: source,
  configFile: false,
  logLevel: 'error',
  define: { global: 'globalThis' },
  resolve: { alias: { '@syncline/client': join(sdk, 'client/src/index.ts') } },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ['syncline', 'rxdb', 'pouchdb'].map((name) => join(source, `${name}.html`)) },
  },
});

const pages = await servePages(dist);
const hub = await startHub({ args: ['--origin', pages.origin, '--rate', '1000000', '--max-delete', '100%', '--max-change', '100%'] });
const addressOf = (name) => `${pages.origin}/${name}.html`;

/** Starts a browser with nothing in it, and ends it whatever comes. */
async function withBrowser(work) {
  const profile = new Profile();
  const browser = await Browser.start('chromium', profile);
  try {
    return await work(browser);
  } finally {
    await browser.close();
    await profile.remove();
  }
}

async function alone() {
  const found = {};
  let ids;
  // Who begins changes from round to round.
  const order = contenders.map((_, i) => contenders[(i + round) % contenders.length]);
  for (const name of order) {
    found[name] = await withBrowser(async (browser) => {
      const tab = await browser.open(addressOf(name));
      await tab.run(() => {
        globalThis.done = undefined;
      });
      await tab.run((url, token) => {
        globalThis.bench.alone(url, token).then(
          (value) => (globalThis.done = { value }),
          (error) => (globalThis.done = { error: String(error?.stack ?? error) }),
        );
      }, hub.url, hub.token);
      for (;;) {
        const done = await tab.run(() => globalThis.done ?? null);
        if (done?.error !== undefined) throw new Error(`${name}: ${done.error}`);
        if (done !== null) return done.value;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    });
    ids ??= found[name].ids;
    if (ids.length !== 50 || String(found[name].ids) !== String(ids)) throw new Error(`${name} finds other records: ${found[name].ids}`);
  }
  return found;
}

/** Returns how long it took until what was made was seen. */
function waits(made, seen) {
  const found = made.map((at, n) => (seen[n] ?? NaN) - at);
  // What was overtaken by the next edit was never shown by itself; there must be few of those.
  const shown = found.filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b);
  if (shown.length < made.length * 0.9) throw new Error(`only ${shown.length} of ${made.length} were seen`);
  const at = (share) => shown[Math.min(shown.length - 1, Math.floor(share * shown.length))];
  return { p50: at(0.5), p95: at(0.95), shown: shown.length };
}

const edit = (tab) => tab.run((count, pauseMs) => globalThis.bench.edit(count, pauseMs), EDITS, PAUSE_MS);
const seen = async (tab) => {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return tab.run(() => globalThis.bench.seen());
};

async function together() {
  const joined = async (browser, ...facts) => {
    // Windows: a tab behind another one is a hidden page, and held back.
    const tab = await browser.open(addressOf('syncline'), 'window');
    await tab.run((name, url, token) => globalThis.bench.join(name, url ?? undefined, token ?? undefined), 'together', ...facts);
    return tab;
  };
  const found = { syncline: {}, channel: {} };
  await withBrowser(async (browser) => {
    const [a, b] = [await joined(browser), await joined(browser)];
    const made = await edit(a);
    found.syncline.tabs = waits(made, await seen(b));
    await b.run(() => globalThis.bench.listen());
    const posted = await a.run((count, pauseMs) => globalThis.bench.post(count, pauseMs), EDITS, PAUSE_MS);
    found.channel.tabs = waits(posted, await seen(b));
  });
  await withBrowser((one) =>
    withBrowser(async (other) => {
      const [a, b] = [await joined(one, hub.url, hub.token), await joined(other, hub.url, hub.token)];
      const made = await edit(a);
      found.syncline.browsers = waits(made, await seen(b));
    }),
  );
  return found;
}

try {
  const found = await (task === 'alone' ? alone() : together());
  await hub.stop();
  await pages.close();
  say(found);
} catch (error) {
  await hub.stop();
  throw error;
}
