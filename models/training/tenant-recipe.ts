import { loadRunnableBase } from '../checkpoint/adapter-directory.ts';
import { ModelError } from '../checkpoint/model-directory.ts';
import { loadServedConfig } from '../checkpoint/served-model.ts';
import { type Recipe, shippedRecipe } from './recipe.ts';

/**
 * The recipe of a tenant's own reader, for the base of a core and the tenant's text.
 *
 * @param steps instead of the recipe's
 * @throws ModelError where the core has no base
 */
export async function tenantRecipe(
  core: string,
  data: { readonly train: string; readonly validation: string },
  steps?: number,
): Promise<Recipe> {
  const { kind, tokenizerDirectory: base, vocabulary, endOfText, positions, block } = await loadServedConfig(core);
  if (kind !== 'adapter') throw new ModelError(`${core} has no base that could be tuned`);
  const recipe = await shippedRecipe('david');
  if (recipe.model.kind !== 'tuned') throw new Error('david.yaml trains no tuned base');
  const { digest: baseDigest, network } = await loadRunnableBase(base);
  const own = { base, baseDigest, vocabulary, endOfText, positions, block };
  return {
    ...recipe,
    model: { ...recipe.model, ...own, firstLayers: network.shape.layers, lastLayers: 0 },
    data: { ...recipe.data, ...data },
    ...(steps === undefined ? {} : { budget: { steps } }),
  };
}
