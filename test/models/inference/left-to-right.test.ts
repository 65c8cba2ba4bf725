import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AdaptedDenoiser } from '../../../models/inference/adapted-denoiser.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { NgramDenoiser } from '../../../models/inference/ngram-denoiser.ts';
import type { StepModel } from '../../../models/inference/step-model.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import { Session } from '../../../models/runtime/session.ts';
import type { LogitsEnvelope } from '../../../models/ssd2/envelope.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';

const vocabulary = 300;
const block = 5;
const form: Form = {
  timesteps: [1],
  wave: true,
  ...{ denoiser: 0, draft: 1, evidence: 0, sharpen: 0.1, temperature: 0.8 },
};
const tokens = [7, 250, 31, 7, 119];

function lane(settled: number | undefined, changes: Partial<LaneStep> = {}): LaneStep {
  return {
    ...{ context: [5, 42, 79, 116], tokens: tokens.map((token) => [token]), previous: null, form },
    ...{ seed: 7, lane: 0, block: 0, step: settled ?? 1, steps: 10, ...(settled ? { settled } : {}) },
    ...(settled === 0 ? { tokens: null } : {}),
    ...changes,
  };
}

/** Products in float32, so that what differs is the order of sums alone. */
async function base(): Promise<StepModel> {
  return AdaptedDenoiser.create(await tinyAdapted({}, 'float32'), { threads: 1 });
}

async function tenant(reads: boolean): Promise<StepModel> {
  const config = { kind: 'ngram', order: 3, vocabulary, block, positions: 90, endOfText: 0, base: '../base' } as const;
  const documents = [Array.from({ length: 60 }, (_, i) => (i * i) % vocabulary)];
  const model = NgramModel.train(documents, { order: 3, vocabulary });
  if (!reads) return NgramDenoiser.create('acme', config, model);
  const { network } = (await tinyAdapted({}, 'float32')).base;
  const reader = await BaseReader.create(network, config, { threads: 1 });
  return NgramDenoiser.create('acme', config, model, { reader });
}

const row = ({ logProbabilities }: LogitsEnvelope, position: number) =>
  Array.from(logProbabilities.subarray(position * vocabulary, (position + 1) * vocabulary));

describe.each<[string, () => Promise<StepModel>]>([
  ['a base', base],
  ['an n-gram model', () => tenant(false)],
  ['an n-gram model whose base reads', () => tenant(true)],
])('a block that %s continues', (_, create) => {
  let model: StepModel;
  beforeAll(async () => {
    model = await create();
  });
  afterAll(() => model.release());

  const answer = async (step: LaneStep, owner = 'acme', by = model) =>
    (await by.denoise([step], vocabulary, owner)).envelopes[0];

  it('has at each position what a pass over all of them has, and the prior behind the one that is asked about', async () => {
    const whole = await answer(lane(undefined));
    const nothing = row(await answer(lane(0)), block - 1);
    for (let settled = 0; settled < block; settled++) {
      const one = await answer(lane(settled));
      for (let position = 0; position < block; position++) {
        const expected = position <= settled ? row(whole, position) : nothing;
        // float16 of numbers up to 16 has steps of 1/64.
        row(one, position).forEach((value, v) => {
          expect(Math.abs(value - expected[v])).toBeLessThan(0.04);
        });
      }
    }
  });

  it('is answered by the step alone, whatever was asked before', async () => {
    const warm = await answer(lane(3), 'warm');
    // Asked for again, after a later step, after another text, and by another process.
    await answer(lane(4), 'warm');
    await answer(lane(4, { tokens: [...tokens.slice(0, 2), 99, 98, 97].map((token) => [token]) }), 'warm');
    const cold = await create();
    const others = [await answer(lane(3), 'warm'), await answer(lane(3), 'other'), await answer(lane(3), 'cold', cold)];
    for (const { bytes } of others) expect(bytes).toEqual(warm.bytes);
    await cold.release();
  });

  it('has the same bits beside other lanes, of other lengths and steps', async () => {
    const lanes = [
      lane(2),
      lane(0, { context: [1], lane: 1 }),
      lane(4, { context: Array.from({ length: 70 }, (_, i) => (i * 31) % vocabulary), lane: 2 }),
      // It asks about all positions.
      lane(undefined, { lane: 3 }),
    ];
    const { envelopes } = await model.denoise(lanes, 64, 'together');
    for (const [i, step] of lanes.entries()) {
      const { envelopes: alone } = await model.denoise([step], 64, 'alone');
      expect(envelopes[i].bytes).toEqual(alone[0].bytes);
    }
  });
});

it('computes one row a step', async () => {
  const model = await base();
  await model.denoise([lane(0)], vocabulary, '');
  const spy = vi.spyOn(Session.prototype, 'run');
  for (const settled of [1, 2, 3]) await model.denoise([lane(settled)], vocabulary, '');
  const rows = spy.mock.calls.flatMap(([{ positions }]) =>
    positions && 'shape' in positions ? [positions.shape] : [],
  );
  spy.mockRestore();
  expect(rows).toEqual([[1], [1], [1]]);
  await model.release();
});
