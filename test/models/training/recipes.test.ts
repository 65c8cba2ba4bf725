import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { shippedModels } from '../../../lib/fleet.ts';
import { parseConfigFile } from '../../../models/checkpoint/model-directory.ts';
import { readText } from '../../../models/files/read-text.ts';
import { parseAdapterConfig } from '../../../models/network/adapter-config.ts';
import { parseRecipe } from '../../../models/training/recipe.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'models', 'training', 'recipes');

it.each(readdirSync(folder))('%s is a recipe', async (file) => {
  expect(parseRecipe(await readText(join(folder, file)), file).batch.sequences).toBeGreaterThan(0);
});

it('the recipes of the core and of its specialists go on from the shipped core', async () => {
  const { base, baseDigest, information, ...own } = await parseConfigFile(
    join(shippedModels, 'core'),
    parseAdapterConfig,
  );
  for (const file of ['core.yaml', 'core-gpu.yaml', 'core-gpu-conditioned.yaml', 'specialist.yaml']) {
    const { model } = parseRecipe(await readText(join(folder, file)), file);
    expect(model, file).toMatchObject(own);
  }
});
