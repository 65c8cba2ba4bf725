import { describe, expect, it } from 'vitest';
import { parameterSpecs } from '../../../models/ssd2/parameters.ts';
import { AdamW } from '../../../models/training/adamw.ts';
import { ParameterBuffers } from '../../../models/training/parameter-buffers.ts';
import { tinyConfig } from '../../support/tiny-fleet.ts';

const options = { beta1: 0.9, beta2: 0.98, weightDecay: 0.1, clipNorm: 1, emaDecay: 0.99 };
const learningRate = 0.01;

/** Algorithm 2 of arXiv 1711.05101, in float64, a number at a time. */
function plainAdamW(weights: number[], gradientsByStep: number[][], decays: (i: number) => boolean) {
  const [first, second, average] = [weights.map(() => 0), weights.map(() => 0), [...weights]];
  const current = [...weights];
  gradientsByStep.forEach((gradients, index) => {
    const step = index + 1;
    const norm = Math.hypot(...gradients);
    const ema = Math.min(options.emaDecay, (1 + step) / (10 + step));
    gradients.forEach((raw, i) => {
      const gradient = raw * Math.min(1, options.clipNorm / norm);
      first[i] = options.beta1 * first[i] + (1 - options.beta1) * gradient;
      second[i] = options.beta2 * second[i] + (1 - options.beta2) * gradient ** 2;
      const m = first[i] / (1 - options.beta1 ** step);
      const v = second[i] / (1 - options.beta2 ** step);
      const decay = decays(i) ? learningRate * options.weightDecay * current[i] : 0;
      current[i] -= (learningRate * m) / (Math.sqrt(v) + 1e-8) + decay;
      average[i] = ema * average[i] + (1 - ema) * current[i];
    });
  });
  return { current, average };
}

describe('AdamW', () => {
  it('takes the steps of the published algorithm, with clipping, decay exclusions and averaging', async () => {
    const buffers = new ParameterBuffers(parameterSpecs(tinyConfig));
    buffers.initialise(3, new Uint16Array(0));
    const start = [...buffers.weights];
    const steps = Array.from({ length: 5 }, (_, step) =>
      start.map((_, i) => Math.sin(i * 0.7 + step) * (step === 2 ? 1e-4 : 0.1)),
    );
    const optimiser = await AdamW.create(buffers, options);
    for (const [step, gradients] of steps.entries()) {
      buffers.gradients.set(gradients);
      const norm = await optimiser.update(step + 1, learningRate);
      expect(norm).toBeCloseTo(Math.hypot(...gradients), 3);
    }
    await optimiser.release();
    const expected = plainAdamW(start, steps, (i) => i < buffers.decayEnd);
    // Directions are kept in float16: four steps of the learning rate, each with 11 bits of a direction of up to 1.
    const furthest = (actual: Float32Array, wanted: number[]) =>
      wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i])), 0);
    expect(furthest(buffers.weights, expected.current)).toBeLessThan(4 * learningRate * 2 ** -11);
    // The average lies within 0.1 of the weight, and their difference is kept in float16: 11 bits of it.
    const averages = [...buffers.averages()].flatMap(([, { data }]) => [...data]);
    const expectedOf = buffers.views(Float32Array.from(expected.average));
    const wanted = [...expectedOf].flatMap(([, { data }]) => [...data]);
    expect(furthest(Float32Array.from(averages), wanted)).toBeLessThan(0.1 * 2 ** -11);
  });

  it('leaves everything as it was when a gradient is not finite', async () => {
    const buffers = new ParameterBuffers(parameterSpecs(tinyConfig));
    buffers.initialise(3, new Uint16Array(0));
    const before = buffers.weights.slice();
    buffers.gradients[5] = Number.NaN;
    const optimiser = await AdamW.create(buffers, options);
    expect(await optimiser.update(1, learningRate)).toBeNaN();
    expect(buffers.weights).toEqual(before);
    await optimiser.release();
  });

  it('decays weights, but not biases, norms and the time layer', () => {
    const buffers = new ParameterBuffers(parameterSpecs(tinyConfig));
    const decayed = [...buffers.views(buffers.weights)]
      .filter(([, { data }]) => (data.byteOffset - buffers.weights.byteOffset) / 4 < buffers.decayEnd)
      .map(([name]) => name);
    expect(decayed.some((name) => /bias|norm|time/.test(name))).toBe(false);
    expect(decayed).toContain('layers.0.feed.up.weight');
  });
});
