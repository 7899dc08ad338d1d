// LevelDB with every write synced to disk, as the stores of a hub and of its clients are.
import { createRequire } from 'node:module';
const leveldown = createRequire(import.meta.url)('leveldown');
export function synced(location) {
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
