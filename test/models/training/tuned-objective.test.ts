import { beforeAll, describe, expect, it } from 'vitest';
import { sequenceSource } from '../../../models/data/sequences.ts';
import { Graph } from '../../../models/graph/index.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { BaseGraph, cleanStream } from '../../../models/network/denoising.ts';
import type { FrozenBase, Products } from '../../../models/network/frozen-base.ts';
import { keptLayers, tunedLogits, tunedSpecs } from '../../../models/network/tuned-base.ts';
import { Session } from '../../../models/runtime/session.ts';
import { constantParameters, type Weights } from '../../../models/ssd2/graphs.ts';
import { gradientGraph } from '../../../models/training/gradient-graph.ts';
import { TunedObjective } from '../../../models/training/objectives/tuned.ts';
import { ReferenceLlama, softmax } from '../../support/reference-llama.ts';
import { sample, tinyAdapted } from '../../support/tiny-base.ts';
import { regularTokens } from '../../support/training.ts';

const block = 5;
const grid = { block, blocks: 2 };
const length = (grid.blocks + 1) * block;
const tuned = { firstLayers: 1, lastLayers: 0, rank: 3 };
const kinds = [
  { ...tuned, kept: [0] },
  { ...tuned, lastLayers: 1, kept: [0, 1] },
  { ...tuned, firstLayers: 0, lastLayers: 1, kept: [1] },
];

const source = sequenceSource({ tokens: regularTokens(2000) }, grid, 3, 0);
const objectiveOf = (base: FrozenBase, sequences = 2) => new TunedObjective(base, { sequences, length }, source);

function numbers(base: FrozenBase, shape: typeof tuned, scale: number): Weights {
  return new Map(
    tunedSpecs(base, shape).map(({ name, shape: size }, i) => {
      const data = sample(
        size.reduce((a, b) => a * b, 1),
        40 + i,
      ).map((value) => value * scale);
      return [name, { shape: size, data: name === 'norm.gain' ? data.map((value) => 1 + value) : data }];
    }),
  );
}

const feedsOf = (weights: Weights) => Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));

/** Of products: 255 levels' roundings, as the adapter's test has it; float32's of some 100 sums of numbers around 1. */
const tolerances = { int8: 2 * 0.35, float32: 1e-4 };

describe.each(kinds.flatMap((kind) => (['int8', 'float32'] as const).map((products) => ({ ...kind, products }))))(
  'layers $kept of a base with a correction, products in $products',
  ({ kept, products, ...shape }) => {
    let base: FrozenBase;
    let weights: Weights;
    beforeAll(async () => {
      base = keptLayers((await tinyAdapted({}, products)).base.network, shape);
      weights = numbers(base, shape, 0.25);
    });

    it('cost what loops in float64 over those layers do', async () => {
      const reference = new ReferenceLlama({ adapter: weights, config: shape }, kept);
      const objective = objectiveOf(base);
      const { feeds } = objective.batch(1);
      const graph = new Graph('objective');
      const outputs = objective.forward(graph, constantParameters(graph, weights));
      graph.output('losses', outputs.losses);
      graph.output('objective', outputs.objective);
      const session = await Session.create(graph);
      const { losses, objective: minimised } = await session.run({ ...feeds });
      await session.release();
      const all = (name: string) => Array.from(feeds[name] as ArrayLike<number | bigint>, Number);
      const [tokens, positions, targets, counts] = ['tokens', 'positions', 'targets', 'weights'].map(all);
      let mean = 0;
      for (let first = 0; first < tokens.length; first += length - 1) {
        const rows = Array.from({ length: length - 1 }, (_, i) => {
          return { embedding: reference.embed(tokens[first + i]), position: positions[first + i], adapted: true };
        });
        reference
          .logits(rows, (i, j) => j <= i)
          .forEach((logits, i) => {
            const expected = -Math.log(softmax(logits)[targets[first + i]]);
            expect(Math.abs(losses[first + i] - expected)).toBeLessThan(tolerances[products]);
            mean += counts[first + i] * expected;
          });
      }
      expect(Math.abs(minimised[0] - mean)).toBeLessThan(tolerances[products]);
    });

    it('are read as they were trained', async () => {
      const reader = await BaseReader.create({ ...base, correction: weights }, { block, positions: 90 });
      const context = [9, 16, 25, 36, 49, 64];
      const tokens = [81, 100, 121, 3, 250];
      const form = { timesteps: [1], wave: true, denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 };
      const lane = { context, tokens: tokens.map((token) => [token]), previous: null, form, steps: 10 };
      const read = await reader.logits({ ...lane, ...{ seed: 0, lane: 0, block: 0, step: 1 } }, '');
      await reader.release();
      const reference = new ReferenceLlama({ adapter: weights, config: shape }, kept);
      const rows = [...context, ...tokens].map((token, position) => {
        return { embedding: reference.embed(token), position, adapted: true };
      });
      const { vocabulary } = base.shape;
      reference
        .logits(rows, (i, j) => j <= i)
        .slice(context.length - 1, -1)
        .forEach((logits, position) => {
          logits.forEach((value, token) => {
            expect(Math.abs(read[position * vocabulary + token] - value)).toBeLessThan(10 * tolerances[products]);
          });
        });
    });
  },
);

describe('a correction that is still zero', () => {
  it.each(['int8', 'float32'] as Products[])('leaves the base bit for bit as it is, in %s', async (products) => {
    const base = (await tinyAdapted({}, products)).base.network;
    const shape = { ...tuned, firstLayers: base.shape.layers };
    const weights = new Map(
      [...numbers(keptLayers(base, shape), shape, 0.25)].map(([name, { shape: size, data }]) => {
        return [
          name,
          { shape: size, data: name.endsWith('.b') ? data.fill(0) : name === 'norm.gain' ? data.fill(1) : data },
        ];
      }),
    );
    const { feeds } = objectiveOf(base).batch(0);
    const logitsOf = async (
      build: (graph: BaseGraph, rows: Parameters<typeof tunedLogits>[2]) => ReturnType<typeof tunedLogits>,
    ) => {
      const graph = new Graph('logits');
      const inside = new BaseGraph(graph, base, length);
      const count = [2 * (length - 1)];
      const bias = graph.constant(new Float32Array(2 * (length - 1) ** 2), [1, 1, 1, count[0], length - 1], 'bias');
      const [tokens, positions] = ['tokens', 'positions'].map((name) => graph.input(name, count, 'int64'));
      graph.output('logits', build(inside, { sequences: 2, length: length - 1, tokens, positions, bias }));
      const session = await Session.create(graph);
      const { logits } = await session.run({ ...feeds });
      await session.release();
      return logits;
    };
    const corrected = await logitsOf((graph, rows) =>
      tunedLogits(graph, constantParameters(graph.graph, weights), rows),
    );
    const own = await logitsOf((graph, rows) => {
      const { sequences, positions } = rows;
      const family = graph.rows({ lanes: sequences, blocks: 1, rows: length - 1 }, positions);
      return graph.head(cleanStream(graph, rows, true).rows, family);
    });
    expect(corrected).toEqual(own);
  });
});

describe("the gradient of a tuned base's loss", () => {
  it('is its slope along any direction of its tensors', async () => {
    const shape = { ...tuned, lastLayers: 1 };
    const base = keptLayers((await tinyAdapted({}, 'float32')).base.network, shape);
    const weights = numbers(base, shape, 0.25);
    const specs = tunedSpecs(base, shape);
    const objective = objectiveOf(base, 1);
    const { graph, trained } = gradientGraph(specs, objective, 'plain');
    const session = await Session.create(graph);
    const batch = objective.batch(0);
    const run = (moved: Weights) => session.run({ ...feedsOf(moved), ...batch.feeds });
    const loss = ({ losses }: Record<string, Float32Array>) =>
      losses.reduce((sum, value, row) => sum + value * batch.weights[row], 0);
    const here = await run(weights);
    expect(trained).toEqual(specs.flatMap(({ name }) => (name === 'prior' ? [] : [name])));
    for (const name of trained) {
      const { shape: size, data } = weights.get(name) as { shape: readonly number[]; data: Float32Array };
      const direction = sample(data.length, 7);
      // Central differences in float32: a rounding of 1e-6 over the step, and the third derivative times its square.
      const step = 2 ** -7 / Math.sqrt(data.length);
      const at = async (sign: number) =>
        loss(
          await run(
            new Map(weights).set(name, { shape: size, data: data.map((v, i) => v + sign * step * direction[i]) }),
          ),
        );
      const slope = ((await at(1)) - (await at(-1))) / (2 * step);
      const gradient = here[`gradient.${name}`];
      const expected = direction.reduce((sum, value, i) => sum + value * gradient[i], 0);
      expect(Math.abs(slope - expected), name).toBeLessThan(2e-3 + 0.01 * Math.abs(expected));
    }
    await session.release();
  });
});
