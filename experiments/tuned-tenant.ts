import { join } from 'node:path';
import { loadTuned, type TunedModel } from '../models/checkpoint/tuned-directory.ts';
import { type Recipe, shippedRecipe } from '../models/training/recipe.ts';
import { type Domain, digestOf, type Lab } from './lab.ts';

/** How a tenant's own next-token model is trained: `david` all of the base's layers, `david-small` a few. */
export async function tunedRecipe(name: 'david' | 'david-small', domain: Domain): Promise<Recipe> {
  const recipe = await shippedRecipe(name);
  const path = (split: string) => `tenants/${domain}.${split}.jsonl.gz`;
  return { ...recipe, data: { ...recipe.data, train: path('train'), validation: path('valid') } };
}

/** Trains it as `slingshot train` does, or finds what was trained before in the lab's folder. */
export async function tunedTenant(lab: Lab, name: 'david' | 'david-small', domain: Domain): Promise<TunedModel> {
  const recipe = await tunedRecipe(name, domain);
  const folder = join(lab.options.folder, 'tuned', `${name}-${domain}-${digestOf(recipe)}`);
  await lab.runOnce(`${name} on ${domain}`, recipe, folder);
  return loadTuned(folder);
}
