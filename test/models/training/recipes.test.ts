import { join } from 'node:path';
import { expect, it } from 'vitest';
import { shippedModels } from '../../../lib/fleet.ts';
import { parseConfigFile } from '../../../models/checkpoint/model-directory.ts';
import { parseAdapterConfig } from '../../../models/network/adapter-config.ts';
import { shippedRecipe } from '../../../models/training/recipe.ts';

it('the recipes of the core and of its specialists go on from the shipped core', async () => {
  const { base, baseDigest, information, ...own } = await parseConfigFile(
    join(shippedModels, 'core'),
    parseAdapterConfig,
  );
  for (const name of ['core', 'core-gpu', 'core-gpu-conditioned', 'specialist']) {
    const { model } = await shippedRecipe(name);
    expect(model, name).toMatchObject(own);
  }
});
