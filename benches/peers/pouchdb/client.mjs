// The peer's client: it pushes documents that it holds, or pulls all, every write synced to disk as our client's are.
import { createRequire } from 'node:module';
import { synced } from './synced.mjs';
const require = createRequire(import.meta.url);
const PouchDB = require('pouchdb');
const [mode, url, count, folder] = process.argv.slice(2);
const n = Number(count);
const doc = (i) => ({ _id: `task-${String(i).padStart(6, '0')}`, title: `Call customer ${i}`, state: i % 3 ? 'open' : 'done', owner: `user-${i % 97}`, priority: i % 5, note: 'x'.repeat(60), at: '2026-11-20T10:00:00.000Z' });
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
async function timed(work) {
  const [t0, c0] = [performance.now(), cpu()];
  const extra = await work();
  return { ms: performance.now() - t0, cpu_ms: cpu() - c0, ...extra };
}
const local = new PouchDB(`${folder}/local`, { db: synced });
let result;
if (mode === 'push') {
  for (let i = 0; i < n; i += 1000) await local.bulkDocs(Array.from({ length: Math.min(1000, n - i) }, (_, k) => doc(i + k)));
  result = await timed(async () => { const r = await local.replicate.to(url); return { docs: r.docs_written }; });
} else if (mode === 'pull') {
  result = await timed(async () => { const r = await local.replicate.from(url); return { docs: r.docs_written }; });
} 
console.log(JSON.stringify(result));
await local.close();
process.exit(0);
