// RxDB in Node, in memory: only what its records take, as it has no server of its own.
import { createRxDatabase } from 'rxdb';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { documentOf, idOf, inStretches } from './documents.mjs';
import { asked, held, say, timed } from './measure.mjs';
import { SCHEMA } from './rxdb-schema.mjs';

const { count } = asked();
const empty = await held();
const database = await createRxDatabase({ name: 'bench', storage: getRxStorageMemory(), multiInstance: false, eventReduce: true });
const { tasks } = await database.addCollections({ tasks: { schema: SCHEMA } });
let documents = 0;
const took = await timed(async () => {
  await inStretches(count, 1000, (numbers) => tasks.bulkInsert(numbers.map((i) => ({ id: idOf(i), ...documentOf(i) }))));
  documents = await tasks.count().exec();
});
const full = await held();
say({ ...took, documents, heap_bytes: full.heap - empty.heap, rss_bytes: full.rss - empty.rss });
