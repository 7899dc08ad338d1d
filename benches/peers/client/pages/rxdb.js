import { addRxPlugin, createRxDatabase } from 'rxdb';
import { RxDBQueryBuilderPlugin } from 'rxdb/plugins/query-builder';
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import { SCHEMA } from '../rxdb-schema.mjs';
import { alone } from './bench.js';

addRxPlugin(RxDBQueryBuilderPlugin);

const idsOf = (documents) => documents.map(({ id }) => id);

const contender = {
  open: async (name) => {
    const database = await createRxDatabase({ name, storage: getRxStorageDexie(), eventReduce: true, closeDuplicates: true });
    const { tasks } = await database.addCollections({ tasks: { schema: SCHEMA } });
    const query = (after) =>
      tasks.find({
        selector: { state: { $eq: 'open' }, ...(after !== undefined && { at: { $gt: after } }) },
        sort: [{ state: 'asc' }, { at: 'asc' }],
        limit: 50,
      });
    return {
      insert: (id, document) => tasks.insert({ id, ...document }),
      bulk: async (entries) => {
        const { error } = await tasks.bulkInsert(entries.map(([id, document]) => ({ id, ...document })));
        if (error.length > 0) throw new Error('not all was taken');
      },
      top: async (after) => idsOf(await query(after).exec()),
      live: async (tell) => {
        const told = query().$.subscribe((documents) => tell(idsOf(documents)));
        return () => told.unsubscribe();
      },
      move: async (id, at) => (await tasks.findOne(id).exec()).incrementalPatch({ at }),
      close: () => database.close(),
    };
  },
  fill: async (name, entriesFrom, count, atOnce) => {
    const store = await contender.open(name);
    for (let first = 0; first < count; first += atOnce) await store.bulk(entriesFrom(first));
    await store.close();
  },
};

globalThis.bench = { alone: () => alone(contender) };
