import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepMessage } from '../../../functions/contracts/generation.ts';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { close, listen } from '../../../lib/local/listen.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { loadStepModel } from '../../../models/inference/step-model.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { type EndpointFault, faultyEndpoint } from '../../chaos/faulty-endpoint.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';

/** What a model does not answer any more, by the seed of a request, from some block and step on. */
interface Lost {
  readonly block: number;
  readonly step: number;
  readonly fault: EndpointFault;
}

const tenant = 'slingshot-tenant-acme';
const lost = new Map<number, Lost>();
/** Seeds are requests': each test takes its own. */
let lastSeed = 100;
/** A request whose model at the tenant is lost there. */
function losing(request: GenerationRequest, place: Lost): GenerationRequest & { readonly seed: number } {
  const seed = lastSeed++;
  lost.set(seed, place);
  return { ...request, seed };
}
const isLost = ({ seed, block, step }: Pick<LaneStep, 'seed' | 'block' | 'step'>) => {
  const place = lost.get(seed);
  return place && (block > place.block || (block === place.block && step >= place.step)) ? place : undefined;
};

/** Three blocks of 5 tokens. */
const alone: GenerationRequest = { prompt: 'To create a queue', tokens: 12, topP: 1 };
const corrected: GenerationRequest = { ...alone, tenant: 'acme', weight: 0.5 };
const goesOn = { ...corrected, degradation: 'core' } as const;

let tiny: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let cloud: LocalCloud;
/** Whose tenant's model fails as the cloud's does, and one that is whole. */
let direct: DirectEngine;
let whole: DirectEngine;
let stand: ReturnType<typeof faultyEndpoint>;
const steps: StepMessage[] = [];
const timeoutMilliseconds = 20_000;
beforeAll(async () => {
  tiny = await tinyAdaptedFleet();
  whole = await DirectEngine.start(tiny.fleet, { kept: 64 });
  direct = await DirectEngine.start(tiny.fleet, { kept: 64 }, async (directory, options) => {
    const model = await loadStepModel(directory, options);
    if (!directory.endsWith('acme')) return model;
    const denoise: typeof model.denoise = async (lanes, ...rest) => {
      if (lanes.some(isLost)) throw new Error('the session is gone');
      return model.denoise(lanes, ...rest);
    };
    return { name: model.name, config: model.config, denoise, release: () => model.release() };
  });
  const onStep = (step: StepMessage) => steps.push(step);
  cloud = await LocalCloud.start(tiny.fleet, {
    ...{ kept: 64, threads: 1, endpointTimeoutMilliseconds: timeoutMilliseconds, onStep },
  });
  const container = cloud.endpoints.get(tenant) as string;
  stand = faultyEndpoint({
    ...{ container: () => container, timeoutMilliseconds },
    fault: async (_, lanes) => lanes.map(isLost).find((one) => one)?.fault,
  });
  cloud.endpoints.set(tenant, await listen(stand));
});
afterAll(async () => {
  await cloud.stop();
  await close(stand);
  await direct.stop();
  await whole.stop();
  await tiny.remove();
});

describe('a generation whose tenant’s model does not answer any more', () => {
  const places = [
    { block: 0, step: 0 },
    { block: 0, step: 2 },
    { block: 1, step: 1 },
    { block: 2, step: 0 },
  ];

  it('fails, unless it is to go on', async () => {
    const error = expect.objectContaining({ name: 'EndpointRejected', message: expect.stringContaining(tenant) });
    const request = losing(corrected, { block: 1, step: 1, fault: 'rejects' });
    await expect(cloud.generate(request)).rejects.toThrow(error);
    await expect(cloud.generate({ ...request, degradation: 'fail', visit: 4 })).rejects.toThrow(error);
    await expect(direct.generate(request)).rejects.toThrow('the session is gone');
  });

  it.each([1, 4])('begins its block again and has the core’s text from there on: %i steps a visit', async (visit) => {
    await Promise.all(
      places.map(async (place) => {
        const request = losing({ ...goesOn, visit }, { ...place, fault: 'rejects' });
        const { seed } = request;
        const expected = await whole.generate({ ...corrected, seed, tenantBlocks: place.block });
        expect(expected.degraded).toBeUndefined();
        if (place.block === 0) expect(expected.text).toBe((await whole.generate({ ...alone, seed })).text);
        const { degraded, ...made } = await cloud.generate(request);
        expect(made).toEqual(expected);
        const tokens = Math.max(0, expected.tokens - 5 * place.block);
        expect(degraded).toEqual({ without: ['tenant:acme'], block: place.block, error: 'EndpointRejected', tokens });
        expect(await direct.generate(request)).toEqual({
          ...expected,
          degraded: { without: ['tenant:acme'], block: place.block, error: 'EndpointUnavailable', tokens },
        });
      }),
    );
  });

  it('does so only after all tries', async () => {
    const faults: readonly (readonly [EndpointFault, string])[] = [
      ['fails', 'EndpointUnavailable'],
      ['answers another step', 'BadAnswer'],
    ];
    await Promise.all(
      faults.map(async ([fault, error], index) => {
        const request = losing({ ...goesOn, tokens: 10 }, { block: 1, step: 0, fault });
        const { text } = await whole.generate({ ...corrected, tokens: 10, seed: request.seed, tenantBlocks: 1 });
        const made = await cloud.generate({ ...request, visit: 1 + index });
        expect(made).toMatchObject({ text, degraded: { block: 1, error, tokens: 5 } });
      }),
    );
  });

  it('tells the steps of both tries of the block, those of the text last', async () => {
    const request = losing({ ...goesOn, tokens: 5 }, { block: 0, step: 2, fault: 'rejects' });
    steps.length = 0;
    const { steps: run } = await cloud.generate(request);
    expect(steps.map(({ step }) => step)).toEqual([0, 1, ...Array.from({ length: run }, (_, i) => i)]);
    expect(Object.keys(steps[1].routes)).toEqual(['core', 'tenant:acme']);
    for (const step of steps.slice(2)) expect(Object.keys(step.routes)).toEqual(['core']);
  });

  it.each<[string, Partial<GenerationRequest>, readonly string[]]>([
    ['that decided alone', { weight: 1 }, ['tenant:acme']],
    ['with a private context', { context: 'A worker', contrast: 0.5 }, ['tenant:acme', 'prompt-only:acme']],
    ['that alone saw a private context', { weight: 1, context: 'A worker' }, ['tenant:acme']],
    [
      'by the published step, with self-conditioning of its own',
      { quality: 'published', selfConditioning: 'own', steps: 6 },
      ['tenant:acme'],
    ],
  ])('or %s', async (_, changes, without) => {
    const request = losing({ ...goesOn, ...changes }, { block: 1, step: 0, fault: 'rejects' });
    const { seed } = request;
    const expected = await whole.generate({ ...corrected, ...changes, seed, tenantBlocks: 1 });
    expect(await cloud.generate(request)).toMatchObject({ text: expected.text, degraded: { without, block: 1 } });
    expect(await direct.generate(request)).toMatchObject({ text: expected.text, degraded: { without, block: 1 } });
    const first = losing({ ...goesOn, ...changes }, { block: 0, step: 1, fault: 'rejects' });
    const { weight, context, contrast, ...ofCore } = changes;
    const { text } = await whole.generate({ ...alone, ...ofCore, seed: first.seed });
    expect((await cloud.generate(first)).text).toBe(text);
  });

  const gap: GenerationRequest = {
    ...{ prompt: 'To create a queue', suffix: ' for another worker to read.', gap: { least: 3, most: 7 } },
    ...{ bestOf: 4, topP: 1, tenant: 'acme', weight: 0.5 },
  };
  it.each<[string, GenerationRequest, number, number]>([
    ['of candidates, in their first block', { ...corrected, bestOf: 3 }, 0, 1],
    ['of candidates, in the next', { ...corrected, bestOf: 3 }, 1, 2],
    ['of candidates for a gap', gap, 1, 0],
    ['when they are scored', gap, 2, 0],
  ])('or %s', async (_, wanted, block, step) => {
    const request = losing({ ...wanted, degradation: 'core' }, { block, step, fault: 'rejects' });
    const { seed } = request;
    const expected = await whole.generate({ ...wanted, seed, tenantBlocks: block });
    const { degraded, ...made } = await cloud.generate(request);
    expect(made).toEqual(expected);
    expect(degraded).toMatchObject({ block, tokens: Math.max(0, expected.tokens - 5 * block) });
    expect(await direct.generate(request)).toEqual({
      ...expected,
      degraded: { ...degraded, error: expect.anything() },
    });
  });

  it('is never without its core', async () => {
    const core = cloud.endpoints.get('slingshot-core') as string;
    const gone = faultyEndpoint({
      ...{ container: () => core, timeoutMilliseconds },
      fault: async () => 'rejects',
    });
    cloud.endpoints.set('slingshot-core', await listen(gone));
    try {
      const named = expect.objectContaining({ name: 'EndpointRejected', message: expect.stringContaining('core') });
      await expect(cloud.generate({ ...goesOn, seed: 1 })).rejects.toThrow(named);
      // The tenant's model is lost first.
      const both = losing({ ...goesOn, weight: 1 }, { block: 0, step: 0, fault: 'rejects' });
      await expect(cloud.generate(both)).rejects.toThrow(named);
    } finally {
      cloud.endpoints.set('slingshot-core', core);
      await close(gone);
    }
  });

  it('cannot be asked to go on without a tenant', async () => {
    const line = 'degradation: needs a tenant';
    await expect(whole.generate({ ...alone, degradation: 'core' })).rejects.toThrow(line);
    await expect(whole.generate({ ...alone, tenantBlocks: 1 })).rejects.toThrow('tenantBlocks: needs a tenant');
  });
});
