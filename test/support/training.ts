import { formatModelConfig } from '../../models/ssd2/config.ts';
import { parseRecipe, type Recipe } from '../../models/training/recipe.ts';
import { tinyConfig } from './tiny-fleet.ts';

/** A recipe that trains the tiny model for a few steps; `changes` are its JSON's fields. */
export function tinyRecipeJson(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    model: formatModelConfig(tinyConfig),
    ...{ seed: 3, sequences: 2, blocks: 3, steps: 12, timesteps: [0, 1], nextTokenWeight: 0, selfConditioning: 0.5 },
    ...{ learningRate: 0.01, warmup: 2, finalLearningRate: 0.1, beta1: 0.9, beta2: 0.98, weightDecay: 0.01 },
    ...{ clipNorm: 1, emaDecay: 0.9, validateEvery: 4, checkpointEvery: 4, validationBatches: 1 },
    ...changes,
  });
}

export function tinyRecipe(changes: Record<string, unknown> = {}): Recipe {
  return parseRecipe(tinyRecipeJson(changes), 'tiny.json');
}

/** Tokens with structure to learn: 20 of them in a fixed order, over and over. */
export function regularTokens(length: number): Uint16Array {
  return Uint16Array.from({ length }, (_, i) => (i * 7) % 20);
}
