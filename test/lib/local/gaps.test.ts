import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let cloud: LocalCloud;
let direct: DirectEngine;
beforeAll(async () => {
  tiny = await tinyAdaptedFleet();
  direct = await DirectEngine.start(tiny.fleet, { kept: 64 });
  cloud = await LocalCloud.start(tiny.fleet, { kept: 64, threads: 1 });
});
afterAll(async () => {
  await cloud.stop();
  await direct.stop();
  await tiny.remove();
});

const left = 'To create a queue';
const right = ' for another worker to read.';
const gap: GenerationRequest = { prompt: left, suffix: right, gap: { least: 3, most: 7 }, bestOf: 4, seed: 7, topP: 1 };

describe('one of several candidates is chosen alike by the state machine and the plain loop', () => {
  it.each<[string, GenerationRequest]>([
    ['for a gap of several lengths, some of more than a block', gap],
    ['for a gap, with a tenant and its private context', { ...gap, tenant: 'acme', weight: 0.5, context: 'A worker' }],
    ['by their own likelihood', { prompt: left, tokens: 8, bestOf: 3, seed: 7 }],
  ])('%s', async (_, request) => {
    const expected = await direct.generate(request);
    expect(expected.tokens).toBeGreaterThan(0);
    expect(await cloud.generate(request)).toEqual(expected);
    expect(await cloud.generate({ ...request, visit: 5 })).toEqual(expected);
    expect((await direct.generate({ ...request, seed: 8 })).text).not.toBe(expected.text);
  });

  it('and the text after the gap decides which', async () => {
    const texts = [right, '.', ' queue, choose a name'].map(
      async (suffix) => (await direct.generate({ ...gap, suffix })).text,
    );
    expect(new Set(await Promise.all(texts)).size).toBeGreaterThan(1);
  });
});
