import { z } from 'zod';
import { parseModelConfig } from '../ssd2/config.ts';

const share = z.number().min(0).max(1);
const count = z.int().positive();

const recipeSchema = z.strictObject({
  /** The model's config.json. */
  model: z.unknown().transform(parseModelConfig),
  seed: z.int().nonnegative(),
  /** A batch: whole sequences, each of `blocks` noised blocks. */
  sequences: count,
  blocks: count,
  steps: count,
  /** The range that timesteps are drawn from, evenly: above the first, up to and including the second. */
  timesteps: z.tuple([share, share]).refine(([from, to]) => from < to, 'must ascend'),
  /**
   * The weight of a second loss: the cross-entropy of each clean position's next token, as a language model would have
   * it. Needs the causal mask.
   */
  nextTokenWeight: z.number().nonnegative(),
  /** The probability that a step is trained with the model's own previous logits. */
  selfConditioning: share,
  learningRate: z.number().positive(),
  /** Steps over which the learning rate rises from 0. */
  warmup: z.int().nonnegative(),
  /** Where the cosine decay ends, as a share of the learning rate. */
  finalLearningRate: share,
  beta1: share,
  beta2: share,
  weightDecay: z.number().nonnegative(),
  clipNorm: z.number().positive(),
  emaDecay: share,
  /** Steps between two validations, and between two checkpoints. */
  validateEvery: count,
  checkpointEvery: count,
  validationBatches: count,
});

/** All that fixes a training run besides its data. */
export type Recipe = z.infer<typeof recipeSchema>;

/** @throws Error naming the file's first wrong field */
export function parseRecipe(json: string, file: string): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Error(`${file} is not JSON: ${(cause as Error).message}`);
  }
  try {
    const result = recipeSchema.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw new Error(`${file}: ${issue.path.join('.') || 'recipe'}: ${issue.message}`);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    throw new Error(`${file}: model.${issue.path.join('.')}: ${issue.message}`);
  }
}

/** The learning rate of a step that counts from 1: linear warm-up, then a cosine to the final share. */
export function learningRateAt(recipe: Recipe, step: number): number {
  const { learningRate, warmup, finalLearningRate, steps } = recipe;
  if (step <= warmup) return (learningRate * step) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return learningRate * (finalLearningRate + ((1 - finalLearningRate) * (1 + Math.cos(Math.PI * progress))) / 2);
}
