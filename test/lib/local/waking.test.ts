import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { loadHandler } from '../../../lib/local/lambda.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const tenant = 'slingshot-tenant-acme';
const request = { prompt: 'To create a queue', tokens: 5, steps: 6, seed: 7, tenant: 'acme', weight: 0.5 };

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let cloud: LocalCloud;
let direct: DirectEngine;
let container: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  direct = await DirectEngine.start(tiny.fleet, { kept: 64 });
  const options = { kept: 64, threads: 1, endpointTimeoutMilliseconds: 20_000 };
  cloud = await LocalCloud.start(tiny.fleet, options, ({ environment, ...local }) =>
    loadHandler({ ...local, environment: { ...environment, SLINGSHOT_WAKE_SECONDS: '3' } }),
  );
  container = cloud.endpoints.get(tenant) as string;
});
afterEach(() => {
  cloud.endpoints.set(tenant, container);
});
afterAll(async () => {
  await cloud.stop();
  await direct.stop();
  await tiny.remove();
});

/** A component without a copy. */
const fallAsleep = () => cloud.endpoints.set(tenant, '');

describe('a component that scaled to zero', () => {
  it('is waited for', async () => {
    fallAsleep();
    const making = cloud.generate(request);
    await sleep(1500);
    cloud.endpoints.set(tenant, container);
    expect(await making).toEqual(await direct.generate(request));
  });

  it('and not for ever', async () => {
    fallAsleep();
    const message = expect.stringMatching(/^endpoint slingshot-tenant-acme: .* did not wake within 3 s$/);
    await expect(cloud.generate(request)).rejects.toThrow(expect.objectContaining({ name: 'EndpointWaking', message }));
  });

  it('nor by a generation that goes on without', async () => {
    fallAsleep();
    const { text, degraded } = await cloud.generate({ ...request, degradation: 'core' });
    const { tenant: _, weight, ...alone } = request;
    expect(text).toBe((await direct.generate(alone)).text);
    expect(degraded).toMatchObject({ block: 0, error: 'EndpointWaking' });
  });
});
