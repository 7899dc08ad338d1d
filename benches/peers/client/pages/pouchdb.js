import PouchDB from 'pouchdb';
import find from 'pouchdb-find';
import { alone } from './bench.js';

PouchDB.plugin(find);

const contender = {
  open: async (name) => {
    const database = new PouchDB(name, { adapter: 'idb' });
    await database.createIndex({ index: { fields: ['state', 'at'] } });
    const top = async (after = '') => {
      const { docs } = await database.find({
        selector: { state: 'open', at: { $gt: after } },
        sort: [{ state: 'asc' }, { at: 'asc' }],
        limit: 50,
      });
      return docs.map(({ _id }) => _id);
    };
    return {
      insert: (id, document) => database.put({ _id: id, ...document }),
      bulk: async (entries) => {
        const done = await database.bulkDocs(entries.map(([id, document]) => ({ _id: id, ...document })));
        if (done.some(({ ok }) => !ok)) throw new Error('not all was taken');
      },
      top,
      // It has no live queries: what has changed is told, and the query is asked again.
      live: async (tell) => {
        const changes = database.changes({ since: 'now', live: true }).on('change', async () => tell(await top()));
        tell(await top());
        return () => changes.cancel();
      },
      move: async (id, at) => database.put({ ...(await database.get(id)), at }),
      close: () => database.close(),
    };
  },
  fill: async (name, entriesFrom, count, atOnce) => {
    const store = await contender.open(name);
    for (let first = 0; first < count; first += atOnce) await store.bulk(entriesFrom(first));
    // The index is made by the first query, not by what is measured.
    await store.top();
    await store.close();
  },
};

globalThis.bench = { alone: () => alone(contender) };
