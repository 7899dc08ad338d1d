// Our client in Node: it pushes documents that wait, or pulls all; in memory or in SQLite, every write synced there.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { documentOf, idOf, inStretches } from './documents.mjs';
import { asked, held, say, timed } from './measure.mjs';

const { task, adapter, url, token, count, folder, sdk } = asked();
const load = (path) => import(pathToFileURL(join(sdk, 'client/dist', path)));
const { open } = await load('index.js');
const { memory } = await load('storage/memory.js');
const { sqlite } = await load('storage/sqlite.js');
// Node 20 has no WebSocket.
const { WebSocket } = createRequire(join(sdk, 'package.json'))('ws');

/** Requests over HTTP, those for a connection included; and messages that are sent over connections. */
let requests = 0;
let messages = 0;
class Counted extends WebSocket {
  constructor(...facts) {
    super(...facts);
    requests += 1;
  }
  send(...message) {
    messages += 1;
    super.send(...message);
  }
}
const plain = globalThis.fetch;
globalThis.fetch = (...request) => {
  requests += 1;
  return plain(...request);
};

const WAIT_MS_MAX = 300_000;
const empty = await held();
const storage = adapter === 'memory' ? memory() : sqlite(createRequire(import.meta.url)('better-sqlite3'), folder);
const opened = () => open({ name: task, storage, url, token, socket: Counted });
let client = await opened();
client.setOnline(false);
const isPush = task === 'push';
if (isPush) {
  await inStretches(count, 1000, (numbers) =>
    Promise.all(
      numbers.map((i) =>
        client.edit('tasks', idOf(i), (edit) => {
          for (const [name, value] of Object.entries(documentOf(i))) edit.set(`/${name}`, value);
        }),
      ),
    ),
  );
}
const waiting = isPush ? client.status().pending : 0;
if (waiting !== (isPush ? count : 0)) throw new Error(`${waiting} operations wait`);
requests = 0;
messages = 0;
const took = await timed(async () => {
  client.setOnline(true);
  await client.sync(WAIT_MS_MAX);
});
const made = { requests, messages };
const status = client.status();
if (status.pending + status.quarantined > 0) throw new Error(`not all was taken: ${JSON.stringify(status)}`);
const documents = client.query({ entity: 'tasks' }).length;
const full = await held();
say({ ...took, ...made, documents, heap_bytes: full.heap - empty.heap, rss_bytes: full.rss - empty.rss });
