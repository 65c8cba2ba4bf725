import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepMessage } from '../../../functions/contracts/generation.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { routedTimesteps, tinyRoutedFleet } from '../../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyRoutedFleet>>;
let cloud: LocalCloud;
let direct: DirectEngine;
const steps: StepMessage[] = [];
beforeAll(async () => {
  tiny = await tinyRoutedFleet();
  direct = await DirectEngine.start(tiny.fleet);
  cloud = await LocalCloud.start(tiny.fleet, { threads: 1, onStep: (step) => steps.push(step) });
});
afterAll(async () => {
  await cloud?.stop();
  await direct?.stop();
  await tiny.remove();
});

describe('specialists', () => {
  const request = {
    prompt: 'the queue',
    core: 'specialists',
    tenant: 'acme',
    weight: 0.2,
    tokens: 5,
    steps: 10,
    stopAt: 0.3,
  };

  it('are asked for the timesteps of their range, through the state machine', async () => {
    steps.length = 0;
    await cloud.generate(request);
    const asked = steps.map(({ t, routes }) => [Math.round(t * 10) / 10, routes.core.component]);
    expect(asked).toEqual(routedTimesteps);
    expect(new Set(steps.map(({ routes }) => routes['tenant:acme'].endpoint))).toEqual(
      new Set(['slingshot-tenant-acme']),
    );
  });

  it('give the same text through either engine, and another than the general model', async () => {
    const routed = await cloud.generate(request);
    expect(await direct.generate(request)).toEqual(routed);
    expect((await cloud.generate({ ...request, core: 'core' })).text).not.toBe(routed.text);
  });

  it('a visit of several steps crosses ranges', async () => {
    expect((await cloud.generate({ ...request, visit: 4 })).text).toBe((await cloud.generate(request)).text);
  });
});
