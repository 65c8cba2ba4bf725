import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAdapter, loadRunnableBase, saveAdapter } from '../../../models/checkpoint/adapter-directory.ts';
import { sequenceSource } from '../../../models/data/sequences.ts';
import { Graph, gradients, type Value } from '../../../models/graph/index.ts';
import { writeModelFolder } from '../../../models/import/import-model.ts';
import { openSource } from '../../../models/import/open-source.ts';
import { AdaptedDenoiser } from '../../../models/inference/adapted-denoiser.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { adapterSpecs } from '../../../models/network/adapter.ts';
import { Session } from '../../../models/runtime/session.ts';
import { nextTokenForm } from '../../../models/ssd2/form.ts';
import { informationTable } from '../../../models/ssd2/information.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { AdapterObjective } from '../../../models/training/objectives/adapter.ts';
import { tinyAdapterConfig } from '../../support/tiny-base.ts';
import { tinyTokenizer } from '../../support/tiny-fleet.ts';
import { regularTokens } from '../../support/training.ts';

const fixture = join(import.meta.dirname, '..', '..', 'fixtures', 'opt');
const block = 24;
const config = { ...tinyAdapterConfig, positions: 64, block };

/** What Hugging Face's class says of the fixture, by test/references/opt.py. */
interface Reference {
  readonly tokens: readonly number[];
  /** The last so many positions', and of each every so-many-th token's. */
  readonly positions: number;
  readonly every: number;
  readonly logProbabilities: readonly (readonly number[])[];
}

let folder: string;
let base: string;
let reference: Reference;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-opt-'));
  const source = join(folder, 'source');
  await cp(fixture, source, { recursive: true });
  await writeFile(join(source, 'tokenizer.json'), await tinyTokenizer());
  await writeFile(join(source, 'tokenizer_config.json'), '{}');
  const opened = await openSource(source);
  base = join(folder, 'base');
  await writeModelFolder(opened, base);
  await opened.close();
  reference = JSON.parse(await readFile(join(fixture, 'reference.json'), 'utf8'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The first logits are of the token after the context's last. */
function lane(): LaneStep {
  const { tokens, positions } = reference;
  const start = tokens.length - positions + 1;
  return {
    ...{ seed: 1, lane: 0, block: 0, step: 1, steps: 60, previous: null, form: nextTokenForm },
    context: tokens.slice(0, start),
    tokens: Array.from({ length: block }, (_, i) => [tokens[start + i] ?? 0]),
  };
}

function worst(logits: Float32Array): number {
  const { every, logProbabilities } = reference;
  const vocabulary = logits.length / block;
  return Math.max(
    ...logProbabilities.flatMap((expected, position) => {
      const row = [...logits.subarray(position * vocabulary, (position + 1) * vocabulary)];
      const most = Math.max(...row);
      const total = most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
      return expected.map((value, i) => Math.abs(row[every * i] - total - value));
    }),
  );
}

describe('an imported OPT', () => {
  it.each([
    // Sums of some hundred products in float32.
    { products: 'float32', provider: 'webgpu', tolerance: 2e-4 },
    // Rounded to 255 levels on the way into nine products, of logits that spread over eight nats.
    { products: 'int8', provider: 'cpu', tolerance: 0.35 },
  ] as const)("has the logits of Hugging Face's class, in $products", async ({ provider, tolerance }) => {
    const { network } = await loadRunnableBase(base, provider);
    const reader = await BaseReader.create(network, config, { threads: 1 });
    expect(worst(await reader.logits(lane(), ''))).toBeLessThan(tolerance);
    await reader.release();
  });

  it('denoises with an adapter, whose next-token logits are its own', async () => {
    const { network, tokenizer } = await loadRunnableBase(base);
    const weights = new Map(
      adapterSpecs(network.shape, config).map(({ name, shape }, i) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length }, (_, j) =>
          name === 'prior' ? -Math.log(length) : Math.sin(i + j) / 9,
        );
        return [name, { shape, data }];
      }),
    );
    const directory = join(folder, 'core');
    await saveAdapter(directory, { ...config, vocabulary: tokenizer.size }, base, weights, 'fp32');
    const adapted = await AdaptedDenoiser.create(await loadAdapter(directory), { threads: 1 });
    const answer = async (step: LaneStep) =>
      (await adapted.denoise([step], tokenizer.size)).envelopes[0].logProbabilities;
    expect(worst(Float32Array.from(await answer(lane())))).toBeLessThan(0.35);
    const denoised = await answer({ ...lane(), form: undefined } as LaneStep);
    expect([...denoised].every(Number.isFinite)).toBe(true);
    await adapted.release();
    const long = { ...config, vocabulary: tokenizer.size, positions: 65 };
    await saveAdapter(directory, long, base, weights, 'fp32');
    await expect(loadAdapter(directory)).rejects.toThrow('it takes 65 positions, its base has 64');
  });

  it('trains an adapter by the slope that its loss has', async () => {
    const { network } = await loadRunnableBase(base, 'webgpu');
    const small = { ...config, block: 5 };
    const specs = adapterSpecs(network.shape, small);
    const table = informationTable(
      new Float32Array(network.shape.vocabulary).fill(-Math.log(network.shape.vocabulary)),
    );
    const source = sequenceSource({ tokens: regularTokens(2000) }, { block: 5, blocks: 2 }, 3, 0);
    const objective = new AdapterObjective(
      network,
      small,
      {
        ...{ sequences: 1, blocks: 2, noisings: 1, seed: 3, timesteps: [0.3, 1], noise: 'uniform', cleanTokens: 0 },
        ...{ generator: 'counter', selfConditioning: 0 },
      },
      source,
      table,
    );
    const { feeds, variant } = objective.batch(1);
    const run = async (moved: number, name: string) => {
      const graph = new Graph('slope');
      const parameters = new Map(
        specs.map((spec, i): [string, Value] => {
          const length = spec.shape.reduce((a, b) => a * b, 1);
          const along = spec.name === name ? moved : 0;
          const data = Float32Array.from({ length }, (_, j) =>
            spec.name === 'prior' ? -Math.log(length) : Math.sin(i + j) / 9 + along * Math.cos(j),
          );
          return [spec.name, graph.constant(data, spec.shape, spec.name)];
        }),
      );
      const { objective: loss } = objective.forward(graph, (key) => parameters.get(key) as Value, variant);
      graph.output('loss', loss);
      const [gradient] = gradients(loss, [parameters.get(name) as Value]);
      graph.output('gradient', gradient);
      const session = await Session.create(graph, { threads: 1 });
      const result = await session.run({ ...feeds });
      await session.release();
      return result;
    };
    for (const name of ['layers.0.qkv.a', 'layers.0.up.b', 'layers.1.down.a', 'layers.1.out.b']) {
      const step = 1e-3;
      const { gradient } = await run(0, name);
      const slope = gradient.reduce((sum, value, j) => sum + value * Math.cos(j), 0);
      const [up, down] = [await run(step, name), await run(-step, name)];
      // Float32 leaves the loss, about 5, some 1e-6, and a difference of steps of 1e-3 a thousand times that.
      expect(Math.abs((up.loss[0] - down.loss[0]) / (2 * step) - slope)).toBeLessThan(2e-3 + 0.01 * Math.abs(slope));
    }
  });
});
