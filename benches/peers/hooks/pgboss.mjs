// A sender of webhooks over pg-boss: a job for each event. Jobs are fetched and completed by the batch, without a pause while
// there are some, which is faster than its own workers, who wait for half a second at least.
import { setTimeout as pause } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { front } from './front.mjs';
import { sender } from './sending.mjs';

const asked = JSON.parse(process.argv[2]);
const name = 'webhooks';
const pause_ms = 2;
const boss = new PgBoss({
  host: asked.socket,
  port: asked.port,
  user: asked.user,
  database: 'postgres',
  max: asked.loops + 8,
  // Housekeeping would take from the rate; it is needed after hours only.
  supervise: false,
  schedule: false,
});
boss.on('error', (error) => console.error(error));
await boss.start();
const told = {};
if (asked.isFront) {
  await boss.createQueue(name, { retryLimit: 12, retryDelay: 5, retryBackoff: true });
  told.port = await front((events) => boss.insert(name, events.map((data) => ({ data }))));
}
if (asked.isWorker) {
  const send = sender({ ...asked, connections: asked.concurrency });
  const batchSize = Math.ceil(asked.concurrency / asked.loops);
  const loop = async () => {
    for (;;) {
      const jobs = await boss.fetch(name, { batchSize });
      if (jobs.length === 0) {
        await pause(pause_ms);
        continue;
      }
      const ended = await Promise.allSettled(jobs.map((job) => send(job.data)));
      const ids = (status) => jobs.filter((_, index) => ended[index].status === status).map((job) => job.id);
      const [delivered, failed] = [ids('fulfilled'), ids('rejected')];
      if (delivered.length > 0) await boss.complete(name, delivered);
      if (failed.length > 0) await boss.fail(name, failed);
    }
  };
  for (let started = 0; started < asked.loops; started += 1) {
    loop().catch((error) => {
      console.error(error);
      process.exit(1);
    });
  }
}
console.log(JSON.stringify(told));
