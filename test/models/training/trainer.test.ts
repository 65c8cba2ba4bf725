import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../../models/training/recipe.ts';
import { type Metrics, train } from '../../../models/training/trainer.ts';
import { regularTokens, tinyRecipe, tinyRecipeJson } from '../../support/training.ts';

const data = { train: regularTokens(2000), validation: regularTokens(300) };

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
    const recipe = tinyRecipe({ steps: 240, warmup: 20, validateEvery: 120 });
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
    expect(resumed.averages).toEqual(uninterrupted.averages);
    expect((await metricsOf(cut)).at(-1)?.validation).toEqual((await metricsOf(whole)).at(-1)?.validation);
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
    const other = { ...data, train: regularTokens(1990) };
    await expect(train(tinyRecipe(), other, run)).rejects.toThrow('trained on other data');
    const config = JSON.parse(tinyRecipeJson());
    config.model.ffn_dim = 64;
    const another = parseRecipe(JSON.stringify(config), 'another.json');
    await expect(train(another, data, run)).rejects.toThrow(
      /cannot resume from .* has shape \[16,32\], the model's is \[16,64\]/,
    );
    await truncate(join(run, 'checkpoint.safetensors'), 20_000);
    await expect(train(tinyRecipe(), data, run)).rejects.toThrow(/cannot resume from .*: the file is cut off/);
  });

  it('refuses too little text', async () => {
    const little = { ...data, train: regularTokens(10) };
    await expect(train(tinyRecipe(), little, join(folder, 'little'))).rejects.toThrow('10 tokens are too few');
  });
});

describe('a recipe', () => {
  it.each([
    ['{', 'tiny.json is not JSON'],
    [tinyRecipeJson({ steps: 0 }), 'tiny.json: steps:'],
    [tinyRecipeJson({ colour: 'red' }), 'colour'],
    [tinyRecipeJson({ model: { model_type: 'gpt' } }), 'tiny.json: model.model_type:'],
  ])('%# names what is wrong', (json, message) => {
    expect(() => parseRecipe(json, 'tiny.json')).toThrow(message);
  });
});
