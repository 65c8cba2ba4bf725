import { describe, expect, it } from 'vitest';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import type { DiffusionConfig } from '../../../models/ssd2/config.ts';
import { compress, type LogitsEnvelope } from '../../../models/ssd2/envelope.ts';
import { gaussianRow } from '../../../models/ssd2/noise.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { ReferenceNetwork, type Rows, softmax } from '../../support/reference-network.ts';
import { tinyConfig, tinyModel, tinyWeights } from '../../support/tiny-fleet.ts';

const { block, vocabulary } = tinyConfig;
const steps = 8;

/** 7 tokens: a remainder of 2 and a whole block of 5. */
const context = [11, 48, 85, 122, 159, 196, 233];

/** Rows of log-probabilities that no model gave, and the probabilities that they stand for. */
function conditioning(): { previous: LogitsEnvelope; probabilities: Rows } {
  const logits = Array.from({ length: block }, (_, i) =>
    Array.from({ length: vocabulary }, (_, v) => 3 * Math.sin(i * 7 + v * 1.3)),
  );
  const dense = Float32Array.from(logits.flatMap((row) => softmax(row).map(Math.log)));
  const previous = compress(dense, vocabulary, vocabulary);
  // The envelope carries float16; what the network is given is exactly what the envelope says, normalised.
  const said = Array.from({ length: block }, (_, i) =>
    softmax(Array.from(previous.logProbabilities.subarray(i * vocabulary, (i + 1) * vocabulary))),
  );
  return { previous, probabilities: said };
}

/** x_t = sqrt(abar) S(w) + sqrt(1 - abar) K eps, with the cosine schedule, from the definition. */
function noised(config: DiffusionConfig, { tokens, step, ...lane }: LaneStep, t: number): Rows {
  const f = (u: number) => Math.cos(((u + 1e-4) / (1 + 1e-4)) * (Math.PI / 2)) ** 2;
  const alpha = f(t) / f(0);
  const scale =
    config.simplex === 'posterior' ? (2 * Math.sqrt(alpha)) / Math.max(1 - alpha, 1 / 16) : config.simplex.scale;
  return Array.from({ length: block }, (_, position) => {
    const noise = new Float32Array(vocabulary);
    gaussianRow({ ...lane, step, position }, noise);
    return Array.from(noise, (epsilon, v) => {
      const simplex = tokens?.[position].includes(v) ? scale : -scale;
      return Math.sqrt(alpha) * simplex + Math.sqrt(1 - alpha) * scale * epsilon;
    });
  });
}

function lane(step: number, previous: LogitsEnvelope | null, ids: readonly number[] = context): LaneStep {
  const tokens = Array.from({ length: block }, (_, i) => [(i * 53 + 29) % vocabulary]);
  return { context: ids, tokens, previous, seed: 5, lane: 0, block: 1, step, steps };
}

async function answersOf(config: DiffusionConfig, ...lanes: LaneStep[]): Promise<LogitsEnvelope[]> {
  const denoiser = await Denoiser.create(await tinyModel('core', 1, config));
  try {
    return (await denoiser.denoise(lanes, vocabulary)).envelopes;
  } finally {
    await denoiser.release();
  }
}

function largestDifference(rows: Rows, { logProbabilities }: LogitsEnvelope): number {
  return Math.max(...rows.flat().map((value, i) => Math.abs(value - logProbabilities[i])));
}

/**
 * Answers travel as float16: log-probabilities between -32 and -16 are rounded by up to 2^-7 = 0.0078. The rest is for
 * float32's own roundings, over sums of 300.
 */
const tolerance = 0.009;

const variants: [string, Partial<DiffusionConfig>][] = [
  ['as it ships', {}],
  ['with separate self-conditioning', { selfConditioning: 'separate' }],
  ['with the causal mask', { contextMask: 'causal' }],
  ['with a fixed simplex scale', { simplex: { scale: 3.75 } }],
];

describe.each(variants)('the network %s equals a float64 forward written as loops', (_, change) => {
  const config: DiffusionConfig = { ...tinyConfig, ...change };
  const t = 1 - 3 / steps;

  it.each([false, true])('given previous logits: %s', async (conditioned) => {
    const { previous, probabilities } = conditioning();
    const asked = lane(3, conditioned ? previous : null);
    const [answer] = await answersOf(config, asked);
    const expected = new ReferenceNetwork(config, tinyWeights(config, 1)).denoise(context, {
      x: noised(config, asked, t),
      ...(conditioned ? { previous: probabilities } : {}),
      t,
    });
    expect(largestDifference(expected, answer)).toBeLessThan(tolerance);
  });
});

describe('previous logits', () => {
  it.each(['mean', 'separate'] as const)('count, in mode %s', async (selfConditioning) => {
    const { previous } = conditioning();
    const config = { ...tinyConfig, selfConditioning };
    const [without] = await answersOf(config, lane(3, null));
    const [given] = await answersOf(config, lane(3, previous));
    expect(largestDifference([[...without.logProbabilities]], given)).toBeGreaterThan(0.1);
  });

  it('of one lane are not those of the lane beside it', async () => {
    const { previous } = conditioning();
    const pairs = [lane(3, previous), lane(3, null)];
    const together = await answersOf(tinyConfig, ...pairs);
    for (const [i, one] of pairs.entries()) {
      const [alone] = await answersOf(tinyConfig, one);
      expect(largestDifference([[...alone.logProbabilities]], together[i])).toBeLessThan(tolerance);
    }
  });
});

describe('contexts', () => {
  it('of the same length are told apart, whichever came before', async () => {
    const contexts = [context, context.map((id) => id + 1), context.with(0, 12), context.with(-1, 12)];
    const denoiser = await Denoiser.create(await tinyModel('core', 1));
    const ask = async (ids: readonly number[]) =>
      (await denoiser.denoise([lane(2, null, ids)], vocabulary)).envelopes[0];
    const fresh: LogitsEnvelope[] = [];
    for (const ids of contexts) fresh.push((await answersOf(tinyConfig, lane(2, null, ids)))[0]);
    expect(new Set(fresh.map(({ logProbabilities }) => String(logProbabilities))).size).toBe(contexts.length);
    // Twice over, so that each is answered from the cache as well.
    for (let round = 0; round < 2; round++) {
      for (const [i, ids] of contexts.entries()) expect(await ask(ids)).toEqual(fresh[i]);
    }
    await denoiser.release();
  });

  it('whose ids read the same when strung together are told apart', async () => {
    const [first, second] = [
      [1, 23],
      [12, 3],
    ];
    const denoiser = await Denoiser.create(await tinyModel('core', 1));
    const ask = async (ids: readonly number[]) =>
      (await denoiser.denoise([lane(2, null, ids)], vocabulary)).envelopes[0];
    await ask(first);
    expect(await ask(second)).toEqual((await answersOf(tinyConfig, lane(2, null, second)))[0]);
    await denoiser.release();
  });
});
