import { beforeAll, describe, expect, it } from 'vitest';
import type { AdaptedModel } from '../../../models/checkpoint/adapter-directory.ts';
import { sequenceSource } from '../../../models/data/sequences.ts';
import { Graph } from '../../../models/graph/index.ts';
import { Session } from '../../../models/runtime/session.ts';
import { constantParameters } from '../../../models/ssd2/graphs.ts';
import { cleanTimestep, informationTable } from '../../../models/ssd2/information.ts';
import { AdapterObjective, type AdapterOptions } from '../../../models/training/objectives/adapter.ts';
import type { Batch } from '../../../models/training/objectives/objective.ts';
import { ReferenceLlama, type ReferenceRow, softmax } from '../../support/reference-llama.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';
import { regularTokens } from '../../support/training.ts';

const vocabulary = 300;
const block = 5;
const shape = { sequences: 2, blocks: 2, noisings: 2 };
const options: AdapterOptions = {
  ...shape,
  ...{
    seed: 3,
    timesteps: [0, 1],
    noise: 'uniform',
    cleanTokens: 0,
    generator: 'counter' as const,
    selfConditioning: 0,
  },
};

function objectiveOf({ base, config, adapter }: AdaptedModel, changes: Partial<AdapterOptions> = {}) {
  const source = sequenceSource({ tokens: regularTokens(2000) }, { block, blocks: shape.blocks }, 3, 0);
  const table = informationTable(adapter.get('prior')?.data as Float32Array);
  return new AdapterObjective(base.network, config, { ...options, ...changes }, source, table);
}

async function evaluate(model: AdaptedModel, objective: AdapterObjective, batch: Batch) {
  const graph = new Graph('objective');
  const outputs = objective.forward(graph, constantParameters(graph, model.adapter), batch.variant);
  graph.output('losses', outputs.losses);
  graph.output('objective', outputs.objective);
  const session = await Session.create(graph);
  const result = await session.run({ ...batch.feeds });
  await session.release();
  return result;
}

/** Each noised block of a batch with what stands before it, read back from what the graph is fed. */
function blocksOf({ feeds }: Batch) {
  const numbers = (name: string) => Array.from(feeds[name] as ArrayLike<number | bigint>, Number);
  const [clean, padding, targets, timesteps] = ['contextTokens', 'padding', 'targets', 'timesteps'].map(numbers);
  const { sequences, blocks, noisings } = shape;
  const length = blocks * block;
  return Array.from({ length: sequences * noisings * blocks }, (_, index) => {
    const sequence = Math.floor(index / (noisings * blocks));
    const grid = sequence * length;
    const pad = padding.slice(grid, grid + length).filter((score) => score < 0).length;
    const rows = Array.from({ length: block }, (_, i) => index * block + i);
    return {
      context: clean.slice(grid + pad, grid + ((index % blocks) + 1) * block),
      x: rows.map((row) => [...(feeds.x as Float32Array).subarray(row * vocabulary, (row + 1) * vocabulary)]),
      timesteps: rows.map((row) => timesteps[row]),
      targets: rows.map((row) => targets[row]),
    };
  });
}

/**
 * Products of 255 levels' roundings, as the adapted denoiser's test has it, of a logit and of the normaliser; float32's
 * are of some 100 sums of numbers around 1.
 */
const tolerances = { int8: 2 * 0.35, float32: 1e-4 };

describe.each([
  { shift: true, products: 'int8', rank: 3 },
  { shift: false, products: 'int8', rank: 3 },
  { shift: true, products: 'float32', rank: 3 },
  { shift: true, products: 'float32', rank: 'full' },
] as const)(
  "an adapter's training, rows shifted: $shift, rank $rank, products in $products",
  ({ shift, products, rank }) => {
    let model: AdaptedModel;
    let reference: ReferenceLlama;
    beforeAll(async () => {
      model = await tinyAdapted({ shift, rank }, products);
      reference = new ReferenceLlama(model);
    });

    /** Probabilities [block][vocabulary], in float64. */
    function denoised(
      { context, x, timesteps }: ReturnType<typeof blocksOf>[number],
      previous?: number[][],
    ): number[][] {
      const prior = model.adapter.get('prior')?.data as Float32Array;
      const clean = context.map((token, i): ReferenceRow => {
        return { embedding: reference.embed(token), position: i, adapted: false };
      });
      const last = context.length - 1;
      const before = shift ? [{ embedding: reference.embed(context[last]), position: last, adapted: true }] : [];
      const noised = x.map((row, i): ReferenceRow => {
        const own = softmax(row.map((value, v) => value + prior[v]));
        const input = previous ? own.map((p, v) => (p + previous[i][v]) / 2) : own;
        return {
          embedding: reference.embedSimplex(input, timesteps[i]),
          position: context.length + i,
          adapted: true,
        };
      });
      const rows = [...clean, ...before, ...noised];
      const logits = reference.logits(rows, (i, j) => (i < clean.length ? j <= i : true));
      return x.map((row, i) => softmax(row.map((value, v) => value + logits[clean.length + i][v])));
    }

    it.each([0, 1])(
      'has the losses of loops in float64, self-conditioned with probability %d',
      async (selfConditioning) => {
        const objective = objectiveOf(model, { selfConditioning });
        const batch = objective.batch(1);
        const { losses, objective: minimised } = await evaluate(model, objective, batch);
        const expected = blocksOf(batch).flatMap((noised) => {
          const first = denoised(noised);
          const last = selfConditioning === 1 ? denoised(noised, first) : first;
          return noised.targets.map((target, i) => -Math.log(last[i][target]));
        });
        losses.forEach((loss, row) => {
          expect(Math.abs(loss - expected[row])).toBeLessThan(tolerances[products]);
        });
        const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
        expect(minimised[0]).toBeCloseTo(mean, 4);
      },
    );

    it('learns nothing from clean tokens', () => {
      const { weights, timesteps } = objectiveOf(model, { cleanTokens: 1 }).batch(0);
      const clean = Array.from(timesteps as Float32Array, (t) => t <= Math.fround(cleanTimestep));
      expect(clean.includes(true) && clean.includes(false)).toBe(true);
      clean.forEach((is, row) => {
        expect(weights[row] === 0).toBe(is);
      });
      expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    });
  },
);

describe('noise that the runtime draws', () => {
  it('is another each time, and costs what counted noise does', async () => {
    const model = await tinyAdapted();
    const meanLosses = async (generator: AdapterOptions['generator']) => {
      const objective = objectiveOf(model, { generator });
      const graph = new Graph('objective');
      const { losses } = objective.forward(graph, constantParameters(graph, model.adapter), 'plain');
      graph.output('losses', losses);
      const session = await Session.create(graph);
      const means: number[] = [];
      for (let n = 0; n < 60; n++) {
        const found = (await session.run({ ...objective.batch(n).feeds })).losses;
        means.push(found.reduce((sum, loss) => sum + loss, 0) / found.length);
      }
      const again = await session.run({ ...objective.batch(59).feeds });
      await session.release();
      return { means, repeats: again.losses.reduce((sum, loss) => sum + loss, 0) / again.losses.length === means[59] };
    };
    const [counted, drawn] = [await meanLosses('counter'), await meanLosses('runtime')];
    expect(counted.repeats).toBe(true);
    expect(drawn.repeats).toBe(false);
    // The batches have the same tokens and timesteps; four standard errors of the difference that their noise makes.
    const differences = drawn.means.map((mean, n) => mean - counted.means[n]);
    const average = differences.reduce((sum, d) => sum + d, 0) / differences.length;
    const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - average) ** 2, 0) / differences.length);
    expect(deviation).toBeGreaterThan(0.01);
    expect(Math.abs(average)).toBeLessThan((4 * deviation) / Math.sqrt(differences.length));
  });
});

describe("an adapter's specialists", () => {
  it.each(['uniform', 'information'] as const)('stay in their range, %s noise', async (noise) => {
    const model = await tinyAdapted();
    for (const timesteps of [
      [0.6, 0.8],
      [0.3, 0.35],
    ] as const) {
      for (const cleanTokens of [0, 0.5]) {
        const objective = objectiveOf(model, { timesteps, noise, cleanTokens });
        const drawn = Array.from({ length: 40 }, (_, n) => [...(objective.batch(n).timesteps as Float32Array)]).flat();
        const noised = drawn.filter((t) => t > Math.fround(cleanTimestep));
        expect(Math.min(...noised)).toBeGreaterThanOrEqual(Math.fround(timesteps[0]));
        expect(Math.max(...noised)).toBeLessThanOrEqual(Math.fround(timesteps[1]));
        const tenth = (timesteps[1] - timesteps[0]) / 10;
        expect(Math.min(...noised)).toBeLessThan(timesteps[0] + tenth);
        expect(Math.max(...noised)).toBeGreaterThan(timesteps[1] - tenth);
      }
    }
  });

  it('are self-conditioned as often as they are asked to be', async () => {
    const model = await tinyAdapted();
    const plain = objectiveOf(model).batch(0).variant;
    const share = (selfConditioning: number) => {
      const objective = objectiveOf(model, { selfConditioning });
      return Array.from({ length: 100 }, (_, n) => objective.batch(n)).filter(({ variant }) => variant !== plain)
        .length;
    };
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(100);
    // Binomial: four standard deviations on either side.
    expect(Math.abs(share(0.5) - 50)).toBeLessThanOrEqual(20);
  });
});
