// PouchDB in Node: it pushes documents that it holds, or pulls all; in memory or in LevelDB, every write synced there.
import { createRequire } from 'node:module';
import { documentOf, idOf, inStretches } from './documents.mjs';
import { asked, held, say, timed } from './measure.mjs';
import { synced } from './synced.mjs';

const require = createRequire(import.meta.url);
const PouchDB = require('pouchdb');
PouchDB.plugin(require('pouchdb-adapter-memory'));

const { task, adapter, url, count, folder } = asked();
const empty = await held();
const local = adapter === 'memory' ? new PouchDB('tasks', { adapter: 'memory' }) : new PouchDB(`${folder}/tasks`, { db: synced });
const remote = `${url}/tasks`;
const counted = async () => (await (await fetch(`${url}/_requests`)).json()).requests;
let documents = 0;
let took;
const before = await counted();
if (task === 'push') {
  await inStretches(count, 1000, (numbers) => local.bulkDocs(numbers.map((i) => ({ _id: idOf(i), ...documentOf(i) }))));
  took = await timed(async () => {
    documents = (await local.replicate.to(remote)).docs_written;
  });
} else {
  took = await timed(async () => {
    documents = (await local.replicate.from(remote)).docs_written;
  });
}
const requests = (await counted()) - before;
const full = await held();
say({ ...took, documents, requests, heap_bytes: full.heap - empty.heap, rss_bytes: full.rss - empty.rss });
