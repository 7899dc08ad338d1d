// PouchDB's server: express-pouchdb over LevelDB, every write synced to disk as the hub's are. It counts requests.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { synced } from './synced.mjs';

const require = createRequire(import.meta.url);
const express = require('express');
const PouchDB = require('pouchdb');
const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const Stored = PouchDB.defaults({ prefix: `${folder}/`, db: synced });
let requests = 0;
const app = express();
app.get('/_requests', (_, response) => response.json({ requests }));
app.use((request, response, next) => {
  requests += 1;
  next();
});
app.use('/', require('express-pouchdb')(Stored, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${folder}/log.txt` }));
const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
