import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdaptedDenoiser } from '../../../models/inference/adapted-denoiser.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { NgramDenoiser } from '../../../models/inference/ngram-denoiser.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';

const vocabulary = 300;
const block = 5;
const documents = Array.from({ length: 6 }, (_, n) =>
  Array.from({ length: 40 }, (_, i) => (i * i + 7 * n) % vocabulary),
);
const model = NgramModel.train(documents, { order: 3, vocabulary });
const config = { kind: 'ngram', order: 3, vocabulary, block, positions: 90, endOfText: 0, base: '../base' } as const;
const form: Form = { timesteps: [1], wave: true, denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 };
const context = [9, 16, 25, 36, 49, 64];
const tokens = [81, 100, 121, 3, 250];
const lane: LaneStep = {
  ...{ context, tokens: tokens.map((token) => [token]), previous: null, form },
  ...{ seed: 7, lane: 0, block: 0, step: 1, steps: 10 },
};
/** Log-probabilities travel as float16: 11 bits, of numbers up to 16. */
const digits = 1;

const rows = async (denoiser: Pick<NgramDenoiser, 'denoise'>, changes: Partial<LaneStep> = {}) =>
  Float32Array.from((await denoiser.denoise([{ ...lane, ...changes }], vocabulary)).envelopes[0].logProbabilities);
const before = (position: number) => [...context, ...tokens.slice(0, position)];
const logs = (of: NgramModel, text: readonly number[]) => {
  const out = new Float32Array(vocabulary);
  of.logProbabilities(text, out);
  return out;
};

describe('an n-gram model whose base reads', () => {
  let base: AdaptedDenoiser;
  let reading: NgramDenoiser;
  beforeAll(async () => {
    const tiny = await tinyAdapted();
    base = await AdaptedDenoiser.create(tiny);
    const reader = await BaseReader.create(tiny.base.network, { block, positions: 90 });
    reading = await NgramDenoiser.create('acme', config, model, { reader });
  });
  afterAll(async () => {
    await base.release();
    await reading.release();
  });

  it('says 0.35 of the documents and the rest of the base, whatever adapter others use over it', async () => {
    const read = Float32Array.from((await base.denoise([lane], vocabulary)).envelopes[0].logProbabilities);
    const said = await rows(reading);
    for (let position = 0; position < block; position++) {
      const counted = logs(model, before(position));
      for (let token = 0; token < vocabulary; token += 7) {
        const at = position * vocabulary + token;
        expect(said[at]).toBeCloseTo(Math.log(0.35 * Math.exp(counted[token]) + 0.65 * Math.exp(read[at])), digits);
      }
    }
  });
});

describe('an n-gram model alone', () => {
  it('mixes its documents with the text that was given, not with what was generated', async () => {
    const alone = await NgramDenoiser.create('acme', config, model);
    const generated = [9, 16, 25, 200];
    const said = await rows(alone, { context: [...context, ...generated], given: context.length });
    const prior = logs(model, []).map(Math.exp);
    const own = NgramModel.train([context], { order: 3, vocabulary, prior });
    const [counted, given] = [logs(model, [...context, ...generated]), logs(own, [...context, ...generated])];
    for (let token = 0; token < vocabulary; token += 7) {
      expect(said[token]).toBeCloseTo(Math.log(0.7 * Math.exp(counted[token]) + 0.3 * Math.exp(given[token])), digits);
    }
    await alone.release();
  });

  it('says its prior where nothing is drafted', async () => {
    const alone = await NgramDenoiser.create('acme', config, model);
    const said = await rows(alone, { tokens: null, step: 0 });
    const prior = logs(model, []);
    for (let token = 0; token < vocabulary; token += 7) {
      expect(said[2 * vocabulary + token]).toBeCloseTo(prior[token], digits);
    }
    await alone.release();
  });
});
