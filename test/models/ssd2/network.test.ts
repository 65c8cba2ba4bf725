import { describe, expect, it } from 'vitest';
import { Graph, logSoftmax } from '../../../models/graph/index.ts';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import { Session } from '../../../models/runtime/session.ts';
import type { DiffusionConfig } from '../../../models/ssd2/config.ts';
import { constantParameters } from '../../../models/ssd2/graphs.ts';
import { attentionScores, masked } from '../../../models/ssd2/layout.ts';
import { denoiseJointly } from '../../../models/ssd2/network.ts';
import { timestepOf } from '../../../models/ssd2/schedule.ts';
import { noiseSimplex } from '../../../models/ssd2/simplex.ts';
import { sequenceLogits } from '../../../models/training/objectives/ssd2.ts';
import { tinyConfig, tinyModel } from '../../support/tiny-fleet.ts';

const blocks = 4;
const step = 3;
const steps = 8;

/**
 * The largest difference of log-probabilities between the denoiser over a cached context, a block at a time, and the
 * full forward pass over the whole sequence at once, as training does it.
 */
async function largestDifference(config: DiffusionConfig, remainder: number): Promise<number> {
  const model = await tinyModel('core', 1, config);
  const { block, vocabulary } = config;
  const rows = blocks * block;
  const pad = block - remainder;
  const tokens = Array.from({ length: rows + block }, (_, i) => (i * 37 + 11) % vocabulary);
  const noised = Array.from({ length: rows }, (_, i) => (i * 53 + 29) % vocabulary);
  const t = timestepOf(step, steps);

  const graph = new Graph('full');
  const shape = { sequences: 1, blocks };
  graph.output('logits', sequenceLogits(graph, config, constantParameters(graph, model.weights), shape, false).logits);
  const x = new Float32Array(rows * vocabulary);
  for (let row = 0; row < rows; row++) {
    const address = { seed: 5, lane: 0, block: Math.floor(row / block), step, position: row % block };
    noiseSimplex([noised[row]], t, config.simplex, address, x.subarray(row * vocabulary, (row + 1) * vocabulary));
  }
  const session = await Session.create(graph);
  const { logits } = await session.run({
    x,
    contextTokens: BigInt64Array.from({ length: rows }, (_, i) => BigInt(tokens[i])),
    contextPositions: BigInt64Array.from({ length: rows }, (_, i) => BigInt(Math.max(0, i - pad))),
    padding: Float32Array.from({ length: rows }, (_, i) => (i < pad ? -1e9 : 0)),
    timesteps: new Float32Array(rows).fill(t),
    positions: BigInt64Array.from({ length: rows }, (_, i) => BigInt(block + i - pad)),
  });
  await session.release();

  const denoiser = await Denoiser.create(model);
  const lanes = Array.from({ length: blocks }, (_, index) => ({
    context: tokens.slice(pad, (index + 1) * block),
    tokens: noised.slice(index * block, (index + 1) * block).map((token) => [token]),
    previous: null,
    ...{ seed: 5, lane: 0, block: index, step, steps },
  }));
  const { envelopes } = await denoiser.denoise(lanes, vocabulary);
  await denoiser.release();
  let largest = 0;
  envelopes.forEach((envelope, index) => {
    for (let position = 0; position < block; position++) {
      const start = (index * block + position) * vocabulary;
      const row = logits.subarray(start, start + vocabulary);
      const normaliser = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      row.forEach((logit, v) => {
        const cached = envelope.logProbabilities[position * vocabulary + v];
        largest = Math.max(largest, Math.abs(logit - normaliser - cached));
      });
    }
  });
  return largest;
}

describe('the denoiser over a cached context equals the full forward pass', () => {
  // Answers travel as float16: log-probabilities between -16 and -8 are rounded by up to 2^-8 = 0.0039.
  const tolerance = 0.006;
  it.each([
    ['the segment mask', { contextMask: 'segment' }],
    ['the causal mask', { contextMask: 'causal' }],
    ['a fixed simplex scale', { simplex: { scale: 3.75 } }],
    ['the linear attention bias', { attentionBias: 'linear' }],
    ['separate self-conditioning', { selfConditioning: 'separate' }],
  ] as const)('with %s, whatever the remainder', async (_, change) => {
    for (const remainder of [1, 3, 5]) {
      expect(await largestDifference({ ...tinyConfig, ...change }, remainder)).toBeLessThan(tolerance);
    }
  });
});

describe("SSD-LM's layout", () => {
  it('under a mask that hides the noised block from the context is the denoiser over a cached context', async () => {
    const model = await tinyModel('core', 1);
    const { block, vocabulary } = tinyConfig;
    const length = 2 * block;
    const total = length + block;
    const context = Array.from({ length }, (_, i) => (i * 37 + 11) % vocabulary);
    const noised = Array.from({ length: block }, (_, i) => (i * 53 + 29) % vocabulary);
    const t = timestepOf(step, steps);
    const x = new Float32Array(block * vocabulary);
    for (const [position, token] of noised.entries()) {
      const address = { seed: 5, lane: 0, block: 0, step, position };
      const row = x.subarray(position * vocabulary, (position + 1) * vocabulary);
      noiseSimplex([token], t, tinyConfig.simplex, address, row);
    }
    const graph = new Graph('joint');
    const integers = (values: number[]) => graph.constant(BigInt64Array.from(values, BigInt), [values.length]);
    // Segments 0, 1 and the noised block 2: each sees itself and what is before it.
    const hidden = Float32Array.from({ length: total * total }, (_, at) =>
      Math.floor((at % total) / block) <= Math.floor(at / total / block) ? 0 : -1e9,
    );
    const logits = denoiseJointly(
      tinyConfig,
      constantParameters(graph, model.weights),
      {
        ...{ sequences: 1, length, tokens: integers(context), positions: integers(context.map((_, i) => i)) },
        bias: graph.constant(hidden, [1, 1, total, total]),
      },
      {
        x: graph.constant(x, [block, vocabulary], 'x'),
        timesteps: graph.constant(new Float32Array(block).fill(t), [block, 1]),
        positions: integers(noised.map((_, i) => length + i)),
      },
    );
    graph.output('logits', logSoftmax(logits));
    const session = await Session.create(graph);
    const joint = (await session.run({})).logits;
    await session.release();
    const denoiser = await Denoiser.create(model);
    const lane = {
      context,
      tokens: noised.map((token) => [token]),
      previous: null,
      seed: 5,
      lane: 0,
      block: 0,
      step,
      steps,
    };
    const [{ logProbabilities }] = (await denoiser.denoise([lane], vocabulary)).envelopes;
    await denoiser.release();
    // As above: the denoiser's answer is float16.
    logProbabilities.forEach((value, i) => {
      expect(Math.abs(value - joint[i])).toBeLessThan(0.006);
    });
  });

  it('is not served', async () => {
    const model = await tinyModel('core', 1, { ...tinyConfig, contextMask: 'full' });
    await expect(Denoiser.create(model)).rejects.toThrow('core: models of context_mask full are not served');
  });
});

describe('the linear attention bias', () => {
  it("is largest where each head's cone stands, and falls by its slope a token", () => {
    const config = { ...tinyConfig, heads: 4, attentionBias: 'linear' as const };
    // A block at positions 10 .. 14 against 10 tokens of context.
    const scores = attentionScores(config, [5, 10], 10, (_, column) => column > 0);
    const at = (head: number, row: number, column: number) => scores[(head * 5 + row) * 10 + column];
    expect([0, 1, 2, 3].map((head) => at(head, 0, 9))).toEqual([-0, -2, -1 / 4, -1 / 16]);
    expect([0, 1, 2, 3].map((head) => at(head, 3, 7))).toEqual([-5, -7, -6 / 4, -6 / 16]);
    expect(at(2, 2, 0)).toBe(masked);
    expect(attentionScores(tinyConfig, [5, 10], 10)).toEqual(new Float32Array(50));
  });
});

describe('lanes of different lengths', () => {
  it.each(['none', 'linear'] as const)(
    'get the same answer together as alone, attention bias %s',
    async (attentionBias) => {
      const denoiser = await Denoiser.create(await tinyModel('core', 1, { ...tinyConfig, attentionBias }));
      const lane = (length: number) => ({
        context: Array.from({ length }, (_, i) => i + 7),
        tokens: null,
        previous: null,
        ...{ seed: 3, lane: length, block: 0, step: 0, steps: 4 },
      });
      const lanes = [lane(3), lane(11), lane(5)];
      const together = (await denoiser.denoise(lanes, 300)).envelopes;
      for (const [i, one] of lanes.entries()) {
        const [alone] = (await denoiser.denoise([one], 300)).envelopes;
        alone.logProbabilities.forEach((logit, at) => {
          // Sums over padded keys may round differently; then float16 rounds to a neighbour, 2^-7 apart below -8.
          expect(Math.abs(together[i].logProbabilities[at] - logit)).toBeLessThan(0.01);
        });
      }
      await denoiser.release();
    },
  );
});
