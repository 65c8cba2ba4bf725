import { Agent, createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { close, listen } from '../../../lib/local/listen.ts';

it('a server on loopback keeps an idle connection, so that none ends under its next request', async () => {
  let connections = 0;
  const server = createServer((_, response) => response.end('x')).on('connection', () => {
    connections++;
  });
  const url = await listen(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () =>
    new Promise((resolve, reject) => {
      get(url, { agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject);
    });
  await ask();
  // Node closes an idle connection after five seconds, and one more for slow networks.
  await sleep(7000);
  await ask();
  expect(connections).toBe(1);
  agent.destroy();
  await close(server);
});
