// The peer's server: express-pouchdb over LevelDB, every write synced to disk as the hub's are.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
const require = createRequire(import.meta.url);
const express = require('express');
const leveldown = require('leveldown');
const PouchDB = require('pouchdb');
const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
function synced(location) {
  const db = leveldown(location);
  for (const name of ['_batch', '_put', '_del']) {
    const plain = db[name];
    db[name] = function (...args) {
      const options = args[args.length - 2];
      args[args.length - 2] = { ...options, sync: true };
      return plain.apply(this, args);
    };
  }
  return db;
}
const Stored = PouchDB.defaults({ prefix: `${folder}/`, db: synced });
const app = express();
app.use('/', require('express-pouchdb')(Stored, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${folder}/log.txt` }));
const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
