import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { defaultTiers } from '../../functions/contracts/tiers.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { tenantClients } from '../../functions/shared/tenant-clients.ts';
import { type Breakable, breakable, bucketError, throttled } from '../support/breakable.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
let table: Breakable;
let bucket: Breakable;
let text: string;
beforeAll(async () => {
  // With one place in flight, one that was not given back would be missed at once.
  const one = { ...defaultTiers.large, inFlight: 1 };
  service = await tinyService({ tiers: { large: one }, requestMilliseconds: 1500 });
  table = await breakable(process.env.AWS_ENDPOINT_URL_DYNAMODB ?? '');
  bucket = await breakable(process.env.AWS_ENDPOINT_URL_S3 ?? '');
  // No function has made its clients before the first request.
  Object.assign(process.env, { AWS_ENDPOINT_URL_DYNAMODB: table.url, AWS_ENDPOINT_URL_S3: bucket.url });
  text = await completion();
});
afterAll(async () => {
  await service.stop();
  await Promise.all([table.stop(), bucket.stop()]);
});
afterEach(() => {
  vi.useRealTimers();
  table.fault = undefined;
  bucket.fault = undefined;
});

async function completion(headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { status, body } = await service.json('/v1/completions', { body: short, headers });
  expect([status, body.detail]).toEqual([200, undefined]);
  return body.choices[0].text;
}

describe('nothing is lost, and callers are told to try again,', () => {
  const unavailable = async (sent: Readonly<Record<string, string>> = {}) => {
    const { status, headers, body } = await service.json('/v1/completions', { body: short, headers: sent });
    expect([status, body.error.code, headers.get('x-should-retry')]).toEqual([503, 'store_unavailable', 'true']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  };

  it('while the table is throttled', async () => {
    table.fault = throttled;
    await unavailable();
    table.fault = undefined;
    expect(await completion()).toBe(text);
  });

  it.each([
    ['is gone', 404, 'NoSuchBucket'],
    ['has no room on its disk', 500, 'InternalError'],
  ])('while the bucket %s', async (_, status, code) => {
    bucket.fault = (response) => bucketError(response, status, code);
    await unavailable({ 'idempotency-key': code });
    bucket.fault = undefined;
    // Its place was given back, and nothing is known of it by its key.
    expect(await completion({ 'idempotency-key': code })).toBe(text);
  });

  it('where a generation’s record could not be written, though its place was taken', async () => {
    table.fault = (response, action) => action === 'PutItem' && throttled(response);
    await unavailable();
    table.fault = undefined;
    expect(await completion()).toBe(text);
  });
});

describe('a generation ends in its text', () => {
  it('though the table is throttled in the middle of it', async () => {
    let [updates, refused] = [0, 0];
    // From the second update on, the first being that of its place; more often than the SDK tries by itself.
    table.fault = (response, action) =>
      action === 'UpdateItem' && ++updates > 1 && refused++ < 5 && throttled(response);
    const asked = service.json('/v1/completions', { body: { ...short, slingshot: { steps: 60 } } });
    const { status, body } = await asked;
    expect([status, refused >= 5]).toEqual([200, true]);
    table.fault = undefined;
    const again = await service.json('/v1/completions', { body: { ...short, slingshot: { steps: 60 } } });
    expect(body.choices[0].text).toBe(again.body.choices[0].text);
  });

  it('though the clocks of functions are an hour off', async () => {
    const clients = withEnvironment(service.cloud.environment, () => tenantClients('acme'));
    for (const { config } of [clients.table, clients.bucket]) config.systemClockOffset = 3_600_000;
    expect(await completion()).toBe(text);
  });
});

describe('a private document past its time', () => {
  it('is one that there is not', async () => {
    const { body: made } = await service.json('/v1/contexts', { body: { content: 'A worker', expires_after: 60 } });
    const slingshot = { ...short.slingshot, weight: 0.5, context: made.id };
    const using = { body: { ...short, model: 'core+acme', slingshot } };
    expect((await service.json('/v1/completions', using)).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    const { status, body } = await service.json('/v1/completions', using);
    expect([status, body.error.message]).toEqual([
      400,
      `slingshot.context: there is no context ${JSON.stringify(made.id)}`,
    ]);
    expect((await service.json(`/v1/contexts/${made.id}`)).status).toBe(404);
    expect((await service.json('/v1/contexts')).body.data).toEqual([]);
  });
});

describe('a request that comes byte by byte', () => {
  it('is hung up on, with an answer that says why', async () => {
    const { hostname, port } = new URL(service.url);
    const head = `POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${service.keys.acme}\r\n`;
    const socket = connect(Number(port), hostname);
    const { promise, resolve } = Promise.withResolvers<string>();
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer)).on('error', () => {});
    socket.write(`${head}content-type: application/json\r\ncontent-length: 100000\r\n\r\n`);
    const drip = setInterval(() => socket.write(' '), 50);
    expect(await promise).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/);
    clearInterval(drip);
  });
});
