import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endError } from '../../functions/api/api-errors.ts';
import type { Transport } from '../../functions/invoke-model/invoke-model.ts';
import { sharedTransport } from '../../functions/invoke-model/transport.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { startSageMaker } from '../../lib/local/sagemaker.ts';
import type { LocalService } from '../../lib/local/service.ts';

const timeoutMilliseconds = 700;
const endpoint = { endpoint: 'goliath' };

let aws: LocalAws;
let sageMaker: LocalService;
let container: Server;
let send: Transport;
/** What the container does with a call. */
let answer: (response: ServerResponse, body: Buffer) => void;
beforeAll(async () => {
  container = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    answer(response, Buffer.concat(chunks));
  });
  aws = new LocalAws();
  sageMaker = await startSageMaker(
    new Map([
      ['goliath', await listen(container)],
      ['nowhere', 'http://127.0.0.1:1'],
      ['asleep', ''],
    ]),
  );
  aws.add(sageMaker);
  send = withEnvironment({ SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(timeoutMilliseconds) }, sharedTransport);
});
afterAll(async () => {
  await sageMaker.stop();
  await close(container);
  aws.restore();
});

/** How a call fails. */
const failure = (to = endpoint) =>
  send(to, Buffer.from('hello')).then(
    () => undefined,
    ({ name, message }: Error) => ({ name, message }),
  );

describe('a call of an endpoint', () => {
  it('carries bytes there and back as they are', async () => {
    answer = (response, body) => response.end(body.reverse());
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect([...(await send(endpoint, bytes))]).toEqual([...bytes].reverse());
  });

  it('that finds no copy of a component says that it wakes, which is worth another try', async () => {
    expect(await failure({ endpoint: 'asleep' })).toMatchObject({ name: 'EndpointWaking' });
    const record = { id: 'gen_1', status: 'failed' as const, error: { code: 'EndpointWaking', message: '' } };
    expect(endError(record)).toMatchObject({ code: 'endpoint_waking', status: 503, headers: { 'retry-after': '60' } });
  });

  it('waits for no other, however many there are', async () => {
    const waiting: ServerResponse[] = [];
    // Nobody is answered before all have asked: more than the SDK's own limit lets at once.
    const all = 60;
    answer = (response) => {
      if (waiting.push(response) === all) for (const one of waiting) one.end('all');
    };
    const answers = await Promise.all(Array.from({ length: all }, () => send(endpoint, Buffer.from('x'))));
    expect(answers).toHaveLength(all);
  });

  it.each([
    ...[500, 502, 504, 408, 429].map((status) => [status, 'EndpointUnavailable'] as const),
    ...[400, 401, 403, 404, 413, 422, 499, 301, 302, 308].map((status) => [status, 'EndpointRejected'] as const),
    // Not loaded yet.
    [503, 'EndpointUnavailable'] as const,
  ])('that is answered with status %i is %s', async (status, name) => {
    answer = (response) => response.writeHead(status).end('a page');
    expect(await failure()).toEqual({ name, message: 'endpoint goliath: a page' });
  });

  it('has as much of a long page in its error as a line takes', async () => {
    answer = (response) => response.writeHead(500).end(`${'x'.repeat(250)}\nsecond line`);
    expect((await failure())?.message).toBe(`endpoint goliath: ${'x'.repeat(200)}`);
    answer = (response) => response.writeHead(500).end('first line\nsecond line');
    expect((await failure())?.message).toBe('endpoint goliath: first line');
  });

  it('whose answer breaks off, or that nobody takes, is EndpointUnavailable in one line', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('a part');
      setTimeout(() => response.destroy(), 20);
    };
    for (const failed of [await failure(), await failure({ endpoint: 'nowhere' })]) {
      expect(failed?.name).toBe('EndpointUnavailable');
      expect(failed?.message).toMatch(/^endpoint (goliath|nowhere): [^\n]+$/);
    }
  });

  it('that takes too long is EndpointTimeout, also where the answer has begun', async () => {
    const expected = { name: 'EndpointTimeout', message: 'endpoint goliath: no answer within 0.7 s' };
    answer = () => {};
    expect(await failure()).toEqual(expected);
    answer = (response) => response.writeHead(200, { 'content-length': 1000 }).write('a part');
    expect(await failure()).toEqual(expected);
  });

  it('of an endpoint that there is not is EndpointRejected', async () => {
    expect(await failure({ endpoint: 'unknown' })).toMatchObject({
      ...{ name: 'EndpointRejected', message: 'endpoint unknown: Endpoint unknown of account local not found.' },
    });
  });
});
