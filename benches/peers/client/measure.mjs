// Time, processor and memory of one part of a program, and what it says at its end.
const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

export async function timed(work) {
  const [begun, used] = [performance.now(), processor()];
  await work();
  return { ms: performance.now() - begun, cpu_ms: processor() - used };
}

/** Returns what is held, in bytes, once nothing more can be given back. */
export async function held() {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

/** Says what was found, and ends the program whatever still runs. */
export function say(found) {
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
}

export const asked = () => JSON.parse(process.argv[2] ?? '{}');
