import { indexeddb, open } from '@syncline/client';
import { alone } from './bench.js';

const stored = (client) => {
  const write = (id, document) =>
    client.edit('tasks', id, (edit) => {
      for (const [name, value] of Object.entries(document)) edit.set(`/${name}`, value);
    });
  const query = (after) => ({
    entity: 'tasks',
    where: after === undefined ? { '/state': 'open' } : { '/state': 'open', '/at': { gt: after } },
    sort: ['/at'],
    limit: 50,
  });
  const idsOf = (records) => records.map(({ id }) => id);
  return {
    insert: write,
    bulk: (entries) => Promise.all(entries.map(([id, document]) => write(id, document))),
    top: async (after) => idsOf(client.query(query(after))),
    live: async (tell) => {
      const live = client.live(query());
      tell(idsOf(live.records()));
      return live.subscribe(({ records }) => tell(idsOf(records)));
    },
    move: (id, at) => client.edit('tasks', id, (edit) => edit.set('/at', at)),
    close: () => client.close(),
  };
};

const opened = (name, more = {}) => open({ name, storage: indexeddb(), ...more });

// Records are those that a hub has confirmed, as in an app that is in use.
const contenderOf = (url, token) => ({
  open: async (name) => stored(await opened(name)),
  fill: async (name, entriesFrom, count, atOnce) => {
    const client = await opened(name, { url, token });
    const store = stored(client);
    for (let first = 0; first < count; first += atOnce) await store.bulk(entriesFrom(first));
    await client.sync(60_000);
    if (client.status().pending > 0) throw new Error('not all was taken');
    await client.close();
  },
});

const now = () => performance.timeOrigin + performance.now();
const seen = [];
let client;

globalThis.bench = {
  alone: (url, token) => alone(contenderOf(url, token)),
  /** Opens the client that is edited or watched by `edit` and `seen`. */
  join: async (name, url, token) => {
    client = await opened(name, url === undefined ? {} : { url, token });
    client.live({ entity: 'notes' }).subscribe(({ records }) => {
      const n = records[0]?.value.n;
      if (typeof n === 'number') seen[n] ??= now();
    });
    if (url !== undefined) await client.sync();
  },
  /** Edits again and again; answers when. */
  edit: async (count, pauseMs) => {
    const made = [];
    for (let n = 0; n < count; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      made[n] = now();
      await client.edit('notes', '1', (edit) => edit.set('/n', n));
    }
    return made;
  },
  seen: () => seen,
  /** The same by a bare channel. */
  listen: () => {
    seen.length = 0;
    new BroadcastChannel('bare').onmessage = ({ data }) => (seen[data] ??= now());
  },
  post: async (count, pauseMs) => {
    const channel = new BroadcastChannel('bare');
    const made = [];
    for (let n = 0; n < count; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      made[n] = now();
      channel.postMessage(n);
    }
    return made;
  },
};
