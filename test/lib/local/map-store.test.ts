import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { afterEach, expect, test, vi } from 'vitest';
import { bucketStore } from '../../../lib/local/distributed-map/map-store.ts';
import { close, listen } from '../../../lib/local/listen.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A bucket that has sent some lines of a larger object, and its answer, which it may go on with. */
async function bucketWith(lines: readonly string[]) {
  const answering = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 2 ** 20 });
    response.write(lines.map((line) => `${line}\n`).join(''));
    answering.resolve(response);
  });
  const endpoint = await listen(server);
  stops.push(() => close(server), vi.unstubAllEnvs);
  const settings = { AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: 'local' };
  const credentials = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  for (const [name, value] of Object.entries({ ...settings, ...credentials })) vi.stubEnv(name, value);
  return { lines: bucketStore().lines('numbers', 'some.jsonl'), answer: answering.promise };
}

test('an object that is not read to its end is hung up on', async () => {
  const { lines, answer } = await bucketWith(['1', '2']);
  const closed = answer.then((response) => once(response, 'close'));
  for await (const line of lines) {
    expect(line).toBe('1');
    break;
  }
  await closed;
});

test('an object whose bytes end before it does is an error, not an end', async () => {
  const { lines, answer } = await bucketWith(['1', '2']);
  const read: string[] = [];
  const reading = (async () => {
    for await (const line of lines) {
      read.push(line);
      if (read.length === 2) (await answer).destroy();
    }
  })();
  await expect(reading).rejects.toThrow('aborted');
  expect(read).toEqual(['1', '2']);
});
