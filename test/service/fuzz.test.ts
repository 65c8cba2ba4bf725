import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TinyService, tinyService } from '../support/service.ts';
import { fuzzService } from './fuzz-service.ts';

const narrow = { requestsPerDay: 1e6, tokensPerDay: 1e9, stepsPerDay: 1e9, inFlight: 2, requestsPerSecond: 100 };

let service: TinyService;
beforeAll(async () => {
  // Most good requests are turned away, so that what is tried is the way to them.
  service = await tinyService({ tiers: { large: narrow } });
});
afterAll(() => service.stop());

it('1,000 requests with faults in them get an answer that the document has, and none a failure of the service', async () => {
  const { statuses, failures } = await fuzzService(
    { url: service.url, key: service.keys.acme },
    { runs: 1000, seed: 20_261_126 },
  );
  expect(failures).toEqual([]);
  expect(Object.values(statuses).reduce((sum, count) => sum + count, 0)).toBe(1000);
  for (const status of ['200', '400', '401', '404']) expect(statuses[status], status).toBeGreaterThan(20);
  const { body } = await service.json('/v1/ready');
  expect(body.ready).toBe(true);
}, 240_000);
