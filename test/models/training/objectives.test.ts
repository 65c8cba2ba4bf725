import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../../models/graph/index.ts';
import { Session } from '../../../models/runtime/session.ts';
import type { DiffusionConfig } from '../../../models/ssd2/config.ts';
import { constantParameters } from '../../../models/ssd2/graphs.ts';
import { parameterSpecs } from '../../../models/ssd2/parameters.ts';
import type { Metrics } from '../../../models/training/metrics.ts';
import { ObjectiveLosses } from '../../../models/training/objective-losses.ts';
import type { Batch } from '../../../models/training/objectives/objective.ts';
import { recipeObjective } from '../../../models/training/objectives/recipe-objective.ts';
import { RangeMeans } from '../../../models/training/range-means.ts';
import { train } from '../../../models/training/trainer.ts';
import { ReferenceNetwork, type Rows } from '../../support/reference-network.ts';
import { tinyConfig, tinyWeights } from '../../support/tiny-fleet.ts';
import { modelJson, regularTokens, tinyRecipe } from '../../support/training.ts';

const { block, vocabulary } = tinyConfig;
const corpus = { tokens: regularTokens(2000) };

function objectiveOf(objective: Record<string, unknown>, config: DiffusionConfig = tinyConfig) {
  return recipeObjective(tinyRecipe({ model: modelJson(config), objective }), corpus, 3);
}

/** A batch's sequences, read back from what its graph is fed. */
function sequencesOf({ feeds }: Batch, sequences: number) {
  const numbers = (name: string) => Array.from(feeds[name] as ArrayLike<number | bigint>, Number);
  const [clean, padding, targets, timesteps] = ['contextTokens', 'padding', 'targets', 'timesteps'].map(numbers);
  const length = clean.length / sequences;
  return Array.from({ length: sequences }, (_, sequence) => {
    const rows = { from: sequence * length, to: (sequence + 1) * length };
    const pad = padding.slice(rows.from, rows.to).filter((score) => score < 0).length;
    const noised = Array.from({ length: length / block }, (_, index) => {
      const first = rows.from + index * block;
      const x: Rows = Array.from({ length: block }, (_, i) =>
        Array.from((feeds.x as Float32Array).subarray((first + i) * vocabulary, (first + i + 1) * vocabulary)),
      );
      return { x, t: timesteps[first], targets: targets.slice(first, first + block) };
    });
    return { pad, clean: clean.slice(rows.from + pad, rows.to), noised };
  });
}

async function evaluate(config: DiffusionConfig, objective: ReturnType<typeof objectiveOf>, batch: Batch) {
  const graph = new Graph('objective');
  const outputs = objective.forward(graph, constantParameters(graph, tinyWeights(config, 1)), batch.variant);
  graph.output('losses', outputs.losses);
  graph.output('objective', outputs.objective);
  const session = await Session.create(graph);
  const result = await session.run({ ...batch.feeds });
  await session.release();
  return result;
}

const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const causal: DiffusionConfig = { ...tinyConfig, contextMask: 'causal' };

describe("a batch's losses equal a float64 forward written as loops", () => {
  it.each([
    ['plain', tinyConfig, { selfConditioning: 0 }],
    ['self-conditioned, by the mean', tinyConfig, { selfConditioning: 1 }],
    ['self-conditioned, separately', { ...tinyConfig, selfConditioning: 'separate' as const }, { selfConditioning: 1 }],
    ['with the loss of the next token', causal, { selfConditioning: 0, nextTokenWeight: 2 }],
  ])('%s', async (_, config, options) => {
    const objective = objectiveOf(options, config);
    const batch = objective.batch(1);
    const { losses, objective: minimised } = await evaluate(config, objective, batch);
    const network = new ReferenceNetwork(config, tinyWeights(config, 1));
    const sequences = sequencesOf(batch, 2);

    const expected = sequences.flatMap(({ clean, pad, noised }) =>
      noised.flatMap(({ x, t, targets }, index) => {
        const context = clean.slice(0, (index + 1) * block - pad);
        let answer = network.denoise(context, { x, t });
        if (options.selfConditioning === 1) {
          const previous = answer.map((row) => row.map(Math.exp));
          answer = network.denoise(context, { x, t, previous });
        }
        return targets.map((target, i) => -answer[i][target]);
      }),
    );
    // Losses of up to 30 nats in float32, after sums over 300.
    losses.forEach((loss, row) => {
      expect(Math.abs(loss - expected[row])).toBeLessThan(5e-4);
    });

    const next = sequences.flatMap(({ clean, noised }) => {
      const following = [...clean.slice(1), noised[noised.length - 1].targets[0]];
      return network.nextTokens(clean).map((row, i) => -row[following[i]]);
    });
    const wanted = mean(expected) + ('nextTokenWeight' in options ? 2 * mean(next) : 0);
    expect(Math.abs(minimised[0] - wanted)).toBeLessThan(5e-4);
  });
});

describe('a batch is self-conditioned', () => {
  it.each([
    [0, 0, 0],
    [1, 200, 200],
    // Binomial: four standard deviations on either side.
    [0.5, 72, 128],
  ])('with probability %d', (selfConditioning, from, to) => {
    const objective = objectiveOf({ selfConditioning });
    const plain = objectiveOf({ selfConditioning: 0 }).batch(0).variant;
    const conditioned = Array.from({ length: 200 }, (_, n) => objective.batch(n).variant).filter((v) => v !== plain);
    expect(conditioned.length).toBeGreaterThanOrEqual(from);
    expect(conditioned.length).toBeLessThanOrEqual(to);
  });
});

describe("a specialist's timesteps", () => {
  it.each([
    ['SSD-2', tinyConfig],
    ["SSD-LM's layout", { ...tinyConfig, contextMask: 'full' as const }],
  ])('fill its range and never leave it: %s', (_, config) => {
    for (const [from, to] of [
      [0, 1],
      [0.6, 0.8],
      [0.05, 0.1],
    ]) {
      const objective = objectiveOf({ timesteps: [from, to], selfConditioning: 0 }, config);
      const drawn = Array.from({ length: 40 }, (_, n) => Array.from(objective.batch(n).timesteps ?? [])).flat();
      // Timesteps are float32.
      expect(Math.min(...drawn)).toBeGreaterThan(Math.fround(from) - 1e-7);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(Math.fround(to));
      expect(Math.min(...drawn)).toBeLessThan(from + 0.1 * (to - from));
      expect(Math.max(...drawn)).toBeGreaterThan(to - 0.1 * (to - from));
    }
  });

  it('are those that its rows are noised at', () => {
    const config: DiffusionConfig = { ...tinyConfig, simplex: { scale: 4 } };
    const f = (u: number) => Math.cos(((u + 1e-4) / (1 + 1e-4)) * (Math.PI / 2)) ** 2;
    const objective = objectiveOf({ timesteps: [0.3, 0.9] }, config);
    for (const { x, t, targets } of sequencesOf(objective.batch(2), 2).flatMap(({ noised }) => noised)) {
      const others = x.flatMap((row, i) => row.filter((_, v) => v !== targets[i]));
      const [signal, noise] = [Math.sqrt(f(t) / f(0)), Math.sqrt(1 - f(t) / f(0))];
      // 1,495 numbers: their mean is off by up to 4 / sqrt(1495) deviations, their deviation by up to 4 / sqrt(2 * 1495).
      const deviation = Math.sqrt(mean(others.map((value) => (value + 4 * signal) ** 2)));
      expect(Math.abs(mean(others) + 4 * signal)).toBeLessThan(0.104 * 4 * noise);
      expect(Math.abs(deviation / (4 * noise) - 1)).toBeLessThan(0.075);
      const ofTargets = mean(x.map((row, i) => row[targets[i]]));
      expect(Math.abs(ofTargets - 4 * signal)).toBeLessThan((4 / Math.sqrt(block)) * 4 * noise);
    }
  });
});

describe('validation', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-validation-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is of the averaged weights, on held-out text, without self-conditioning', async () => {
    const recipe = tinyRecipe({
      budget: { steps: 8 },
      optimiser: { learningRate: 0.05, warmup: 0, emaDecay: 0.99 },
      validation: { every: 8, batches: 2 },
    });
    const held = { tokens: regularTokens(300) };
    const metrics: Metrics[] = [];
    const onMetrics = (line: Metrics) => metrics.push(line);
    const buffers = await train(recipe, { train: corpus, validation: held }, folder, { onMetrics });
    const plain = { ...recipe, objective: { ...recipe.objective, selfConditioning: 0 } };
    const losses = new ObjectiveLosses(parameterSpecs(recipe.model), recipeObjective(plain, held, recipe.seed + 1));
    const lossOf = async (weights: ReturnType<typeof buffers.averages>) => {
      const means = new RangeMeans();
      for await (const batch of losses.of(weights, 2)) means.add(batch.losses, batch.weights, batch.timesteps);
      return means.overall;
    };
    const reported = metrics.at(-1)?.validation?.loss;
    expect(reported).toBe(await lossOf(buffers.averages()));
    expect(reported).not.toBeCloseTo(await lossOf(buffers.views(buffers.weights)), 3);
    await losses.release();
  });
});
