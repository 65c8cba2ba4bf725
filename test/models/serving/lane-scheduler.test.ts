import '../../support/property-seed.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import { LaneError } from '../../../models/inference/lane-check.ts';
import { ownerOfLane } from '../../../models/inference/owned-lane.ts';
import type { StepModel } from '../../../models/inference/step-model.ts';
import { exactOnCpu, LaneScheduler, type StepCall } from '../../../models/serving/lane-scheduler.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyConfig, tinyModel } from '../../support/tiny-fleet.ts';

const { block, vocabulary } = tinyConfig;
let denoiser: Denoiser;
beforeAll(async () => {
  denoiser = await Denoiser.create(await tinyModel('core', 1), { threads: 1 });
});
afterAll(() => denoiser.release());

const laneOf = (seed: number, context: number, step: number): LaneStep => ({
  context: Array.from({ length: context }, (_, i) => (7 * i + seed) % vocabulary),
  tokens: step === 0 ? null : Array.from({ length: block }, (_, i) => [(i + seed) % vocabulary]),
  previous: null,
  ...{ seed, lane: 0, block: 0, step, steps: 6 },
});

/** A model that notes whose lanes each pass has, and waits to be let go. */
function watched() {
  const passes: string[][] = [];
  const gates: (() => void)[] = [];
  const model: StepModel = {
    name: 'watched',
    config: { block, vocabulary },
    async denoise(lanes, kept, owner) {
      passes.push(lanes.map((lane) => ownerOfLane(lane, owner)));
      await new Promise<void>((resolve) => gates.push(resolve));
      if (lanes.some(({ step }) => step === 5)) throw new LaneError('lanes.0', 'is none');
      return denoiser.denoise(lanes, kept, owner);
    },
    release: async () => {},
  };
  const step = async () => {
    gates.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { model, passes, step };
}

const call = (owner: string, lanes = 1, changes: Partial<StepCall> = {}): StepCall => ({
  lanes: Array.from({ length: lanes }, (_, i) => laneOf(i + owner.length, 3 + i, 2)),
  ...{ kept: 16, owner, background: false },
  ...changes,
});

async function drain(step: () => Promise<void>, promises: readonly Promise<unknown>[]) {
  let open = true;
  const all = Promise.allSettled(promises).finally(() => {
    open = false;
  });
  while (open) await step();
  return all;
}

describe('the scheduler of lanes', () => {
  test('gives each lane the bits that it has alone, whoever else is in its pass, at whatever step', async () => {
    const lane = fc.record({ seed: fc.nat(50), context: fc.integer({ min: 1, max: 30 }), step: fc.nat(4) });
    const request = fc.record({
      lanes: fc.array(lane, { minLength: 1, maxLength: 3 }),
      ...{ owner: fc.constantFrom('a', 'b', 'c'), background: fc.boolean(), kept: fc.constantFrom(8, 16) },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 8 }), async (requests) => {
        const scheduler = new LaneScheduler(denoiser, { mostLanes: 6 });
        const calls = requests.map(({ lanes, ...rest }) => ({
          ...rest,
          lanes: lanes.map(({ seed, context, step }) => laneOf(seed, context, step)),
        }));
        const answers = await Promise.all(calls.map((one) => scheduler.denoise(one)));
        for (const [i, { lanes, kept, owner }] of calls.entries()) {
          for (const [j, own] of lanes.entries()) {
            const { envelopes } = await denoiser.denoise([own], kept, owner);
            expect(answers[i].envelopes[j].bytes).toEqual(envelopes[0].bytes);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test('puts what waits into one pass, as many lanes as it takes, the longest unserved owner first', async () => {
    const { model, passes, step } = watched();
    const scheduler = new LaneScheduler(model, { mostLanes: 4 });
    const noisy = Array.from({ length: 6 }, () => scheduler.denoise(call('noisy')));
    const quiet = scheduler.denoise(call('quiet', 2));
    await drain(step, [...noisy, quiet]);
    expect(passes).toEqual([['noisy'], ['quiet', 'quiet', 'noisy', 'noisy'], ['noisy', 'noisy', 'noisy']]);
  });

  test('lets what nobody waits for go when nobody waits, or has waited long enough', async () => {
    const { model, passes, step } = watched();
    const scheduler = new LaneScheduler(model, { mostLanes: 2, patience: 2 });
    const first = scheduler.denoise(call('a'));
    const background = scheduler.denoise(call('batch', 2, { background: true }));
    const live = ['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((owner) => scheduler.denoise(call(owner)));
    await drain(step, [first, background, ...live]);
    expect(passes).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['batch', 'batch'], ['f', 'g'], ['h']]);
  });

  test('keeps apart what cannot be answered in one pass', async () => {
    const { model, passes, step } = watched();
    const scheduler = new LaneScheduler(model);
    const calls = [call('a'), call('b'), call('c', 1, { kept: 8 }), call('d')].map((one) => scheduler.denoise(one));
    await drain(step, calls);
    expect(passes).toEqual([['a'], ['b', 'd'], ['c']]);
  });

  test('goes on after a model that throws at once', async () => {
    const denoise = () => {
      throw new LaneError('lanes.0', 'is none');
    };
    const scheduler = new LaneScheduler({ ...watched().model, denoise });
    await expect(scheduler.denoise(call('a'))).rejects.toThrow('is none');
    await expect(scheduler.denoise(call('a'))).rejects.toThrow('is none');
  });

  test('lets lanes go alone whose bits a pass of another size would change', async () => {
    const { model, passes, step } = watched();
    const scheduler = new LaneScheduler(model, { isExact: exactOnCpu(2, model) });
    const form = { timesteps: [1], wave: true, denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 };
    const drafts = (owner: string) => ({ ...call(owner), lanes: [{ ...laneOf(1, 3, 2), form }] });
    const calls = [call('a', 2), call('b'), drafts('c'), drafts('d')].map((one) => scheduler.denoise(one));
    await drain(step, calls);
    expect(passes).toEqual([['a'], ['b'], ['c', 'd'], ['a']]);
  });

  test('lets them go together on as many threads as the model is exact with', async () => {
    const { model, passes, step } = watched();
    const scheduler = new LaneScheduler(model, { isExact: exactOnCpu(2, { ...model, exactThreads: 2 }) });
    const calls = [call('a'), call('b'), call('c')].map((one) => scheduler.denoise(one));
    await drain(step, calls);
    expect(passes).toEqual([['a'], ['b', 'c']]);
  });

  test('answers the others when one request is what no model takes', async () => {
    const { model, step } = watched();
    const scheduler = new LaneScheduler(model);
    const bad = { ...call('b'), lanes: [laneOf(1, 3, 5)] };
    const results = await drain(step, [
      scheduler.denoise(call('a')),
      scheduler.denoise(bad),
      scheduler.denoise(call('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
