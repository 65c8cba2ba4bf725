import { existsSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parameterSpecs } from '../../../models/ssd2/parameters.ts';
import type { Metrics } from '../../../models/training/metrics.ts';
import type { Objective } from '../../../models/training/objectives/objective.ts';
import { recipeObjective } from '../../../models/training/objectives/recipe-objective.ts';
import { ParameterBuffers } from '../../../models/training/parameter-buffers.ts';
import { parseRecipe } from '../../../models/training/recipe.ts';
import { type TrainingData, train } from '../../../models/training/trainer.ts';
import { TrainingStepper } from '../../../models/training/training-stepper.ts';
import { autoregressiveConfig, tinyConfig } from '../../support/tiny-fleet.ts';
import { modelJson, regularTokens, tinyRecipe, tinyRecipeJson } from '../../support/training.ts';

const data: TrainingData = { train: { tokens: regularTokens(2000) }, validation: { tokens: regularTokens(300) } };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-training-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function metricsOf(run: string): Promise<Omit<Metrics, 'seconds' | 'tokensPerSecond'>[]> {
  const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const { seconds, tokensPerSecond, ...rest } = JSON.parse(line);
    return rest;
  });
}

describe('training', () => {
  it('learns', async () => {
    const metrics: Metrics[] = [];
    const recipe = tinyRecipe({
      budget: { steps: 240 },
      optimiser: { learningRate: 0.01, warmup: 20, finalLearningRate: 0.1, emaDecay: 0.9 },
      validation: { every: 120, batches: 1 },
    });
    await train(recipe, data, join(folder, 'learns'), { onMetrics: (line) => metrics.push(line) });
    const [first, last] = [metrics[0].loss, metrics.at(-1)?.validation?.loss ?? Number.NaN];
    // At first each position is denoised by itself; all of the sequence follows from its neighbours.
    expect(last).toBeLessThan(first / 2);
  });

  it('stopped at any step and resumed repeats the uninterrupted run bit for bit', async () => {
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')];
    const uninterrupted = await train(tinyRecipe(), data, whole);
    const stopping = new AbortController();
    await train(tinyRecipe(), data, cut, {
      signal: stopping.signal,
      onStep: (step) => step === 7 && stopping.abort(),
    });
    const resumed = await train(tinyRecipe(), data, cut);
    expect(resumed.weights).toEqual(uninterrupted.weights);
    expect(resumed.averages()).toEqual(uninterrupted.averages());
    expect(await metricsOf(cut)).toEqual(await metricsOf(whole));
  });

  it('killed between checkpoints goes back to the last one and loses nothing', async () => {
    const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
    const copy = join(folder, 'as-killed');
    // What a kill after step 6 leaves: the checkpoint of step 4, and metrics of later steps.
    await train(tinyRecipe(), data, killed, {
      onStep: (step) => step === 6 && void cp(killed, copy, { recursive: true }),
    });
    expect(existsSync(copy)).toBe(true);
    await train(tinyRecipe(), data, copy);
    expect(await metricsOf(copy)).toEqual(await metricsOf(whole));
  });

  it('refuses a damaged checkpoint, and one of other data or another model', async () => {
    const run = join(folder, 'refused');
    await cp(join(folder, 'whole'), run, { recursive: true });
    const other = { ...data, train: { tokens: regularTokens(1990) } };
    await expect(train(tinyRecipe(), other, run)).rejects.toThrow('trained on other data');
    const config = JSON.parse(tinyRecipeJson());
    config.model.ffn_dim = 64;
    const another = parseRecipe(JSON.stringify(config), 'another.json');
    await expect(train(another, data, run)).rejects.toThrow(
      /cannot resume from .*: it is of another run: recipe.model.feedForward was 32 and is 64/,
    );
    await truncate(join(run, 'checkpoint.safetensors'), 20_000);
    await expect(train(tinyRecipe(), data, run)).rejects.toThrow(/cannot resume from .*: the file is cut off/);
  });

  it.each([
    [{ seed: 4 }, 'recipe.seed was 3 and is 4'],
    [{ batch: { sequences: 3, blocks: 3 } }, 'recipe.batch.sequences was 2 and is 3'],
    [{ objective: { selfConditioning: 0 } }, 'recipe.objective.selfConditioning was 0.5 and is 0'],
    [{ model: modelJson({ ...tinyConfig, heads: 4 }) }, `recipe.model.heads was ${tinyConfig.heads} and is 4`],
    [
      { model: modelJson({ ...tinyConfig, contextMask: 'causal' }) },
      'recipe.model.contextMask was "segment" and is "causal"',
    ],
    [
      { optimiser: { learningRate: 0.02, warmup: 2, finalLearningRate: 0.1, emaDecay: 0.9 } },
      'recipe.optimiser.learningRate was 0.01 and is 0.02',
    ],
  ])('refuses to go on with another recipe: %j', async (change, message) => {
    await expect(train(tinyRecipe(change), data, join(folder, 'whole'))).rejects.toThrow(message);
  });

  it('refuses to go on with other validation data or from other weights, and goes on for longer', async () => {
    const run = join(folder, 'longer');
    await cp(join(folder, 'whole'), run, { recursive: true });
    const validation = { tokens: regularTokens(310) };
    await expect(train(tinyRecipe(), { ...data, validation }, run)).rejects.toThrow('it was validated on other data');
    const from = new ParameterBuffers(parameterSpecs(tinyConfig)).averages();
    await expect(train(tinyRecipe(), data, run, { from })).rejects.toThrow('it started from other weights');
    await train(tinyRecipe({ budget: { steps: 14 }, checkpointEvery: 7 }), data, run);
    expect((await metricsOf(run)).at(-1)?.step).toBe(14);
  });

  it('takes lines of metrics that are damaged for none', async () => {
    const run = join(folder, 'damaged-metrics');
    await cp(join(folder, 'whole'), run, { recursive: true });
    const lines = await metricsOf(run);
    await appendFile(join(run, 'metrics.jsonl'), 'null\n{"step": "x"}\n[]\n{"step": 12, "lo');
    await train(tinyRecipe(), data, run);
    expect(await metricsOf(run)).toEqual(lines);
  });

  it('refuses too little text', async () => {
    const little = { ...data, train: { tokens: regularTokens(10) } };
    await expect(train(tinyRecipe(), little, join(folder, 'little'))).rejects.toThrow('10 tokens are too few');
  });
});

describe('other objectives', () => {
  const optimiser = { learningRate: 0.01, warmup: 20, finalLearningRate: 0.1, emaDecay: 0.9 };
  const long = { budget: { steps: 240 }, optimiser, validation: { every: 120, batches: 2 } };

  it.each([
    ["SSD-LM's layout", modelJson({ ...tinyConfig, contextMask: 'full' })],
    ['the autoregressive baseline', modelJson(autoregressiveConfig)],
  ])('%s learns too', async (name, model) => {
    const metrics: Metrics[] = [];
    const recipe = tinyRecipe({ ...long, model, objective: { selfConditioning: 0 } });
    await train(recipe, data, join(folder, name), { onMetrics: (line) => metrics.push(line) });
    // Each position by itself is learnt in the first 20 steps, which are the first line; the rest is in its neighbours.
    expect(metrics.at(-1)?.validation?.loss).toBeLessThan(0.8 * metrics[0].loss);
  });

  it('a next-token loss needs the causal mask, self-conditioning a model that has it', () => {
    expect(() => tinyRecipe({ objective: { nextTokenWeight: 1 } })).toThrow('objective.nextTokenWeight: needs');
    const full = modelJson({ ...tinyConfig, contextMask: 'full' });
    expect(() => tinyRecipe({ model: full })).toThrow('objective.selfConditioning: must be 0');
  });
});

describe('accumulated gradients', () => {
  it('of two half batches are those of the whole, to rounding', async () => {
    const split = { sequences: 2, blocks: 3, accumulate: 2 };
    const whole = recipeObjective(tinyRecipe({ objective: { selfConditioning: 0 } }), data.train, 3);
    const recipe = tinyRecipe({ batch: split, objective: { selfConditioning: 0 } });
    // The same two batches, first one by one, then added up in one step.
    const gradientsOf = async (objective: Objective, accumulate: number) => {
      const buffers = new ParameterBuffers(parameterSpecs(recipe.model));
      buffers.initialise(1, data.train.tokens);
      const changed = { ...recipe, batch: { ...split, accumulate } };
      const stepper = await TrainingStepper.create(changed, objective, buffers);
      await stepper.step(1, 0);
      await stepper.release();
      return buffers.gradients;
    };
    const first = await gradientsOf(whole, 1);
    const second = await gradientsOf(
      { ...whole, rows: whole.rows, batch: () => whole.batch(1), forward: whole.forward.bind(whole) },
      1,
    );
    const both = await gradientsOf(whole, 2);
    const largest = both.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    expect(largest).toBeGreaterThan(0);
    both.forEach((gradient, i) => {
      // Two float32 additions of numbers below `largest`.
      expect(Math.abs(gradient - (first[i] + second[i]) / 2)).toBeLessThan(4e-7 * largest);
    });
  });
});

describe('a budget', () => {
  it('in tokens is as many steps as it takes, in minutes as many as the first steps let expect', async () => {
    const steps: (number | null)[] = [];
    await train(tinyRecipe({ budget: { tokens: 100 } }), data, join(folder, 'tokens'), {
      onStep: (_, total) => steps.push(total),
    });
    // 30 noised tokens a step.
    expect(steps).toEqual([4, 4, 4, 4]);
    const minutes = join(folder, 'minutes');
    let planned = 0;
    await train(tinyRecipe({ budget: { minutes: 0.01 } }), data, minutes, {
      onStep: (_, total) => {
        planned = total ?? planned;
      },
    });
    expect((await metricsOf(minutes)).at(-1)?.step).toBe(planned);
  });
});

describe('a run that cannot learn', () => {
  it('since its model is larger than the machine says how large both are', () => {
    const huge = { ...tinyConfig, width: 2 ** 16, feedForward: 2 ** 18, layers: 100 };
    expect(() => new ParameterBuffers(parameterSpecs(huge))).toThrow(
      /training \d+ parameters takes \d+\.\d GB, this machine has/,
    );
  });

  it('ends with what to do about it', async () => {
    const from = new Map(
      [...new ParameterBuffers(parameterSpecs(tinyConfig)).averages()].map(([name, tensor]) => [
        name,
        { ...tensor, data: tensor.data.map(() => Number.NaN) },
      ]),
    );
    await expect(train(tinyRecipe(), data, join(folder, 'nan'), { from })).rejects.toThrow('try a lower learning rate');
  });
});

describe('a recipe', () => {
  it.each([
    ['{', 'tiny.yaml is not YAML'],
    [tinyRecipeJson({ budget: { steps: 0 } }), 'tiny.yaml: budget.steps:'],
    [tinyRecipeJson({ budget: { steps: 1, tokens: 5 } }), 'give one of steps, tokens and minutes'],
    [tinyRecipeJson({ colour: 'red' }), 'colour'],
    ['model: !custom {}', 'tiny.yaml is not YAML: Unresolved tag'],
    [tinyRecipeJson({ batch: { sequences: 2, blocks: 8 } }), 'tiny.yaml: batch.blocks: must leave a block'],
    [tinyRecipeJson({ model: modelJson({ ...tinyConfig, block: 40 }) }), 'tiny.yaml: batch.blocks: must leave a block'],
    [tinyRecipeJson({ model: modelJson({ ...tinyConfig, block: 1 }) }), 'tiny.yaml: model.block_size: Too small'],
    [tinyRecipeJson({ model: modelJson({ ...tinyConfig, width: 2 ** 20 }) }), 'tiny.yaml: model.hidden_size: Too big'],
    [
      tinyRecipeJson({ model: modelJson({ ...tinyConfig, layers: 1e9 }) }),
      'tiny.yaml: model.num_hidden_layers: Too big',
    ],
    [tinyRecipeJson({ model: { model_type: 'gpt' } }), 'tiny.yaml: model.model_type:'],
  ])('%# names what is wrong', (json, message) => {
    expect(() => parseRecipe(json, 'tiny.yaml')).toThrow(message);
  });

  it('of every shipped model is valid', async () => {
    const recipes = join(import.meta.dirname, '..', '..', '..', 'models', 'training', 'recipes');
    for (const file of await readdir(recipes)) parseRecipe(await readFile(join(recipes, file), 'utf8'), file);
  });
});
