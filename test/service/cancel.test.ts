import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen } from '../../lib/local/listen.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

const core = 'slingshot-core';
let service: TinyService;
let proxy: Server;
/** When the core's container was called. */
let calls: number[] = [];
let isBroken = false;
/** How long the core takes before it answers, in milliseconds. */
let pause = 0;
beforeAll(async () => {
  service = await tinyService({ heartbeatSeconds: 0.1 });
  const container = service.cloud.endpoints.get(core);
  proxy = createServer(async (request, response) => {
    calls.push(Date.now());
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk);
    await sleep(pause);
    if (isBroken) {
      response.writeHead(500).end('broken');
      return;
    }
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const answer = await fetch(`${container}${request.url}`, { method: 'POST', headers, body: Buffer.concat(body) });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  service.cloud.endpoints.set(core, await listen(proxy));
});
afterAll(async () => {
  await service.stop();
  await close(proxy);
});

const slow = { ...short, max_tokens: 30, slingshot: { steps: 2000 } };
const calledFirst = async (atLeast: number) => {
  calls = [];
  await expect.poll(() => calls.length, { timeout: 20_000, interval: 5 }).toBeGreaterThanOrEqual(atLeast);
};
const generationsInFlight = 6;

describe('no model is asked later than a second after', () => {
  it('a generation’s client has gone, who waited for the whole text', async () => {
    const client = new AbortController();
    const headers = { 'idempotency-key': 'gone' };
    const asked = service.call('/v1/completions', { body: slow, headers, signal: client.signal });
    const failed = expect(asked).rejects.toThrow('aborted');
    await calledFirst(3);
    client.abort();
    const left = Date.now();
    await failed;
    await sleep(1500);
    expect(Math.max(...calls) - left).toBeLessThan(1000);
    const again = await service.json('/v1/completions', { body: slow, headers });
    expect([again.status, again.body.error.code]).toEqual([409, 'generation_cancelled']);
  });

  it('a generation was cancelled, also where its calls wait to be tried again', async () => {
    isBroken = true;
    const begun = Array.from({ length: generationsInFlight }, (_, seed) =>
      service.json('/v1/generations', { body: { ...slow, seed } }),
    );
    await calledFirst(generationsInFlight);
    const paths = (await Promise.all(begun)).map(({ body }) => `/v1/generations/${body.id}`);
    const ended = await Promise.all(paths.map((path) => service.json(path, { method: 'DELETE' })));
    const answered = Date.now();
    for (const { body } of ended) expect(body.status).toBe('cancelled');
    // The tries of each are spread over up to seven seconds, most of which have one left by now.
    await sleep(4000);
    expect(Math.max(...calls) - answered).toBeLessThan(1000);
    isBroken = false;
  });

  it('a batch was cancelled', async () => {
    const { max_tokens, slingshot } = slow;
    const rows = Array.from({ length: 20 }, (_, id) => JSON.stringify({ id, prompt: 'To', max_tokens, slingshot }));
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob([rows.join('\n')]), 'rows.jsonl');
    const authorization = `Bearer ${service.keys.acme}`;
    const sent = await fetch(`${service.url}/v1/files`, { method: 'POST', headers: { authorization }, body: form });
    const { id: input_file_id } = (await sent.json()) as { id: string };
    const asked = { input_file_id, endpoint: '/v1/completions', completion_window: '24h' };
    const batch = await service.json('/v1/batches', { body: asked });
    await calledFirst(3);
    const path = `/v1/batches/${batch.body.id}`;
    expect((await service.json(`${path}/cancel`, { method: 'POST' })).body.status).toBe('cancelling');
    const cancelled = Date.now();
    await sleep(2500);
    // A second, and a step of all lanes; the block would take ten times as long.
    expect(Math.max(...calls) - cancelled).toBeLessThan(2000);
    await expect.poll(async () => (await service.json(path)).body.status, { timeout: 5_000 }).toBe('cancelled');
  });
});

describe('a stream that has nothing to tell', () => {
  it('says now and then that it is there, so that no gateway thinks it idle', async () => {
    pause = 350;
    const body = { ...short, max_tokens: 5, stream: true, slingshot: { steps: 2 } };
    const streamed = await (await service.call('/v1/completions', { body })).text();
    const { body: made } = await service.json('/v1/generations', { body: { ...short, max_tokens: 5 } });
    const events = await (await service.call(`/v1/generations/${made.id}/events`)).text();
    pause = 0;
    for (const told of [streamed, events]) {
      const [before] = told.split('data: ');
      expect(before).toMatch(/^: connected\n\n(: waiting\n\n){3,}/);
    }
    expect(streamed).toMatch(/\ndata: \[DONE\]\n\n$/);
    expect(events).toContain('\nevent: done\n');
  });
});
