// A sender of webhooks over BullMQ: a job for each event. What is delivered is removed, which spares it memory.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { front } from './front.mjs';
import { sender } from './sending.mjs';

const asked = JSON.parse(process.argv[2]);
const name = 'webhooks';
const connection = () => new Redis({ path: asked.socket, maxRetriesPerRequest: null });
const told = {};
if (asked.isFront) {
  const queue = new Queue(name, { connection: connection() });
  const opts = { attempts: 12, backoff: { type: 'exponential', delay: 5_000 }, removeOnComplete: true };
  // The id of the event is that of the job: one that is emitted twice is sent once, as by a hub.
  told.port = await front((events) =>
    queue.addBulk(events.map((data) => ({ name: data.type, data, opts: { ...opts, jobId: data.id } }))),
  );
}
if (asked.isWorker) {
  const send = sender({ ...asked, connections: asked.concurrency });
  const worker = new Worker(name, (job) => send(job.data), { connection: connection(), concurrency: asked.concurrency });
  worker.on('error', (error) => console.error(error));
  worker.on('failed', (_, error) => console.error(error));
  await worker.waitUntilReady();
}
console.log(JSON.stringify(told));
