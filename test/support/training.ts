import { formatNetworkConfig, type NetworkConfig } from '../../models/ssd2/config.ts';
import { isNetworkRecipe, type NetworkRecipe, parseRecipe } from '../../models/training/recipe.ts';
import { tinyConfig } from './tiny-fleet.ts';

/** A recipe that trains the tiny model for a few steps; `changes` are its JSON's fields. */
export function tinyRecipeJson(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    model: formatNetworkConfig(tinyConfig),
    seed: 3,
    batch: { sequences: 2, blocks: 3 },
    budget: { steps: 12 },
    optimiser: { learningRate: 0.01, warmup: 2, finalLearningRate: 0.1, emaDecay: 0.9 },
    validation: { every: 4, batches: 1 },
    checkpointEvery: 4,
    ...changes,
  });
}

export function tinyRecipe(changes: Record<string, unknown> = {}): NetworkRecipe {
  const recipe = parseRecipe(tinyRecipeJson(changes), 'tiny.yaml');
  if (!isNetworkRecipe(recipe)) throw new Error('the tiny model is no adapter');
  return recipe;
}

export function modelJson(config: NetworkConfig): unknown {
  return formatNetworkConfig(config);
}

/** Tokens with structure to learn: 20 of them in a fixed order, over and over. */
export function regularTokens(length: number): Uint16Array {
  return Uint16Array.from({ length }, (_, i) => (i * 7) % 20);
}
