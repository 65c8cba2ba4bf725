import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFiles } from '../models/checkpoint/model-directory.ts';
import { loadTuned, type TunedModel } from '../models/checkpoint/tuned-directory.ts';
import { parseRecipe, type Recipe } from '../models/training/recipe.ts';
import { runRecipe } from '../models/training/run.ts';
import type { Domain, Lab } from './lab.ts';

const recipes = join(import.meta.dirname, '..', 'models', 'training', 'recipes');

/** How a tenant's own next-token model is trained: `david` all of the base's layers, `david-small` a few. */
export async function tunedRecipe(name: 'david' | 'david-small', domain: Domain): Promise<Recipe> {
  const file = join(recipes, `${name}.yaml`);
  const recipe = parseRecipe(await readFile(file, 'utf8'), file);
  const path = (split: string) => `tenants/${domain}.${split}.jsonl.gz`;
  return { ...recipe, data: { ...recipe.data, train: path('train'), validation: path('valid') } };
}

/** Trains it as `slingshot train` does, or finds what was trained before in the lab's folder. */
export async function tunedTenant(lab: Lab, name: 'david' | 'david-small', domain: Domain): Promise<TunedModel> {
  const recipe = await tunedRecipe(name, domain);
  const digest = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 8);
  const folder = join(lab.options.folder, 'tuned', `${name}-${domain}-${digest}`);
  if (!existsSync(join(folder, modelFiles.weights))) {
    await runRecipe(recipe, folder, {
      corpora: lab.options.corpora,
      ...(lab.options.threads === undefined ? {} : { runtime: { threads: lab.options.threads } }),
      onMetrics: ({ step, loss }) =>
        lab.progress(`training ${name} on ${domain}: step ${step}, loss ${loss.toFixed(3)}`),
    });
  }
  return loadTuned(folder);
}
