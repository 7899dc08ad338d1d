// Takes events over HTTP as a hub does, so that the same load goes to all: `{"events":[…]}`. It answers once they are durable.
import { createServer } from 'node:http';

/**
 * @param {(events: object[]) => Promise<unknown>} add keeps events durably
 * @returns {Promise<number>} the port
 */
export function front(add) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { events } = JSON.parse(Buffer.concat(chunks).toString());
      add(events).then(
        () => response.end('{}'),
        (error) => {
          console.error(error);
          response.statusCode = 500;
          response.end('{}');
        },
      );
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}
