#!/usr/bin/env node
// The peer: spec 001's synchronisation as a short, ordinary Node 20 script with no dependencies.
// It does the whole job (read both sides, merge, write, sync record, audit line) and nothing more:
// no base, no log, no lock, no fsync. See benches/README.md for what it is compared with.
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

const DOMAINS = ['personal', 'business'];
const ENTITIES = ['contacts', 'calendar', 'tasks', 'documents', 'communications'];
const DIRECTIONS = ['bidirectional', 'source_to_target', 'target_to_source'];

function readArguments() {
  const { values } = parseArgs({
    options: {
      source: { type: 'string' },
      target: { type: 'string' },
      entities: { type: 'string', default: ENTITIES.join(',') },
      direction: { type: 'string', default: 'bidirectional' },
      data: { type: 'string', default: 'data' },
    },
  });
  const entities = values.entities.split(',');
  if (!DOMAINS.includes(values.source) || !DOMAINS.includes(values.target)) {
    throw new Error(`Invalid domain specified; valid domains: ${DOMAINS.join(', ')}`);
  }
  if (values.source === values.target) throw new Error('Source and target must be different');
  if (!DIRECTIONS.includes(values.direction)) throw new Error('Invalid direction specified');
  const unknown = entities.find((entity) => !ENTITIES.includes(entity));
  if (unknown !== undefined) throw new Error(`Unsupported entity type: ${unknown}`);
  return { ...values, entities };
}

async function readItems(file, entity) {
  const items = JSON.parse(await readFile(file, 'utf8'))[entity];
  if (!Array.isArray(items)) throw new Error(`${file}: no list of ${entity}`);
  return items;
}

// Equal but for the marks that a sync leaves.
function sameContent(a, b) {
  for (const name in a) {
    if (name === 'syncedAt' || name === 'syncDirection') continue;
    const left = a[name];
    const right = b[name];
    if (left === right) continue;
    if (typeof left !== 'object' || JSON.stringify(left) !== JSON.stringify(right)) return false;
  }
  for (const name in b) {
    if (!(name in a) && name !== 'syncedAt' && name !== 'syncDirection') return false;
  }
  return true;
}

// The union by id; where both sides have an id, the winner's item stands.
function merge(winners, others, syncedAt, syncDirection) {
  const merged = new Map();
  for (const item of others) {
    if (item.id) merged.set(item.id, item);
  }
  let conflicts = 0;
  for (const item of winners) {
    if (!item.id) continue;
    const other = merged.get(item.id);
    if (other !== undefined && !sameContent(item, other)) conflicts += 1;
    merged.set(item.id, { ...item, syncedAt, syncDirection });
  }
  return { items: [...merged.values()], conflicts };
}

async function syncEntity(entity, { source, target, direction, data }) {
  const files = {
    source: path.join(data, source, `${entity}.json`),
    target: path.join(data, target, `${entity}.json`),
  };
  const sourceItems = await readItems(files.source, entity);
  const targetItems = await readItems(files.target, entity);
  const now = new Date().toISOString();
  let written;
  let conflicts = 0;
  if (direction === 'source_to_target') {
    written = { file: files.target, items: sourceItems };
  } else if (direction === 'target_to_source') {
    written = { file: files.source, items: targetItems };
  } else {
    const merged = merge(sourceItems, targetItems, now, `${source}->${target}`);
    conflicts = merged.conflicts;
    written = { file: files.target, items: merged.items };
  }
  await writeFile(written.file, `${JSON.stringify({ [entity]: written.items }, null, 2)}\n`);
  return {
    sourceCount: sourceItems.length,
    targetCount: targetItems.length,
    mergedCount: written.items.length,
    conflicts,
  };
}

async function main() {
  const started = performance.now();
  const settings = readArguments();
  const { source, target, entities, direction, data } = settings;
  console.log(`Synchronizing data from ${source} to ${target} (${direction})`);

  const timestamp = new Date().toISOString();
  const syncId = `sync-${timestamp.slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}`;
  const results = {};
  const errors = [];
  for (const entity of entities) {
    console.log(`Syncing ${entity} entities...`);
    try {
      results[entity] = await syncEntity(entity, settings);
    } catch (error) {
      errors.push({ entity, message: error.message });
    }
  }

  const status = errors.length === 0 ? 'success' : 'failed';
  const record = {
    syncId,
    timestamp,
    sourceDomain: source,
    targetDomain: target,
    entities,
    syncDirection: direction,
    results,
    errors,
    status,
  };
  const records = path.join(data, 'sync-records');
  await mkdir(records, { recursive: true });
  await writeFile(path.join(records, `${syncId}.json`), `${JSON.stringify(record, null, 2)}\n`);
  const entry = { level: 'info', category: 'CROSS_DOMAIN', action: 'DATA_SYNC', ...record };
  await appendFile(path.join(data, 'audit.log'), `${JSON.stringify(entry)}\n`);

  console.log('\nSync Summary:');
  for (const [entity, { sourceCount, mergedCount }] of Object.entries(results)) {
    console.log(`- ${entity}: ${sourceCount} → ${mergedCount} items`);
  }
  for (const { entity, message } of errors) console.error(`${entity}: ${message}`);
  console.log(`\nSync ID: ${syncId}`);
  console.log(`Duration: ${((performance.now() - started) / 1000).toFixed(1)} seconds`);
  if (errors.length > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(`Error: ${error.message}`);
  process.exitCode = 2;
});
