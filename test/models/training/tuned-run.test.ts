import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelFiles } from '../../../models/checkpoint/model-directory.ts';
import { loadTuned } from '../../../models/checkpoint/tuned-directory.ts';
import { parseRecipe } from '../../../models/training/recipe.ts';
import { runRecipe } from '../../../models/training/run.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';
import { tinyShape } from '../../support/tiny-base.ts';
import { sentences } from '../../support/tiny-fleet.ts';
import { tinyRecipeJson } from '../../support/training.ts';

let made: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let text: string;
beforeAll(async () => {
  made = await tinyAdaptedFleet();
  text = join(made.folder, 'text.jsonl');
  const rows = Array.from({ length: 20 }, () =>
    sentences.map((line) => `${JSON.stringify({ text: line })}\n`).join(''),
  );
  await writeFile(text, rows.join(''));
});
afterAll(() => made.remove());

function recipe(changes: Record<string, unknown> = {}) {
  const model = {
    ...{ model_type: 'tuned-base', base: join(made.folder, 'base'), vocab_size: tinyShape.vocabulary, eos_token_id: 0 },
    ...{ max_position_embeddings: 90, block_size: 5, rank: 2, first_layers: 1, last_layers: 1, ...changes },
  };
  return parseRecipe(
    tinyRecipeJson({
      model,
      objective: { selfConditioning: 0 },
      budget: { steps: 60 },
      validation: { every: 20, batches: 2 },
      data: { train: text, validation: text },
      storage: 'int8',
    }),
    'tuned.yaml',
  );
}

const lossesOf = async (run: string) =>
  (await readFile(join(run, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).validation.loss as number);

describe("a tuned base's run", () => {
  it('learns, and stopped and resumed ends as it would have without', async () => {
    const [whole, cut] = ['whole', 'cut'].map((name) => join(made.folder, name));
    await runRecipe(recipe(), whole, { corpora: '.' });
    const stopping = new AbortController();
    const onStep = (step: number) => step === 27 && stopping.abort();
    expect(await runRecipe(recipe(), cut, { corpora: '.', signal: stopping.signal, onStep })).toBe(false);
    expect(await runRecipe(recipe(), cut, { corpora: '.' })).toBe(true);
    const losses = await lossesOf(whole);
    expect(await lossesOf(cut)).toEqual(losses);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    const files = await Promise.all([whole, cut].map((run) => readFile(join(run, modelFiles.weights))));
    expect(files[1]).toEqual(files[0]);
  });

  it('leaves a correction beside the base that it names, and none of the base', async () => {
    const run = join(made.folder, 'whole');
    const { config, network, base } = await loadTuned(run);
    expect(config).toMatchObject({ base: '../base', baseDigest: base.digest, firstLayers: 1, lastLayers: 1 });
    expect(network.matrix('layers.1.qkv')).toBe(base.network.matrix('layers.1.qkv'));
    expect((await stat(join(run, modelFiles.weights))).size).toBeLessThan(8000);
    const other = JSON.stringify({ ...JSON.parse(await readFile(join(run, 'config.json'), 'utf8')), base_digest: 'x' });
    await writeFile(join(run, 'config.json'), other);
    await expect(loadTuned(run)).rejects.toThrow('it was trained on another base than ../base');
  });

  it('is refused more layers than the base has', async () => {
    await expect(runRecipe(recipe({ first_layers: 2 }), join(made.folder, 'deep'), { corpora: '.' })).rejects.toThrow(
      '2 first and 1 last layers of a base that has 2',
    );
  });
});
