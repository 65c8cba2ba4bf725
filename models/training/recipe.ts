import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { storageTypes } from '../checkpoint/model-directory.ts';
import { readText } from '../files/read-text.ts';
import { isAdapterJson, parseAdapterConfig } from '../network/adapter-config.ts';
import { isTunedJson, parseTunedConfig } from '../network/tuned-config.ts';
import { executionProviders } from '../runtime/providers.ts';
import { type NetworkConfig, parseNetworkConfig } from '../ssd2/config.ts';
import { firstIssue } from '../zod-issue.ts';

const share = z.number().min(0).max(1);
const count = z.int().positive();

const recipeSchema = z
  .strictObject({
    /** The model's config.json. */
    model: z.unknown().transform((json, context) => {
      try {
        if (isAdapterJson(json)) return parseAdapterConfig(json);
        return isTunedJson(json) ? parseTunedConfig(json) : parseNetworkConfig(json);
      } catch (error) {
        for (const { path, message } of (error as z.ZodError).issues) {
          context.addIssue({ code: 'custom', path: [...path], message });
        }
        return z.NEVER;
      }
    }),
    data: z
      .strictObject({
        /** Files or folders. */
        train: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
        validation: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
        /** Instructions that are mixed into the text, in the base's own chat template where it has one; of an adapter. */
        chat: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
        /** Running text, or rows of instruction, context and response. */
        format: z.enum(['text', 'instructions']).default('text'),
        onBadRow: z.enum(['fail', 'skip']).default('fail'),
      })
      .prefault({}),
    /** A tokenizer.json to share; trained on the data when absent. */
    tokenizer: z.string().optional(),
    /** A model directory whose weights the run starts from. */
    from: z.string().optional(),
    seed: z.int().nonnegative(),
    batch: z.strictObject({
      /** Whole sequences, each of `blocks` noised blocks. */
      sequences: count,
      blocks: count,
      /** Times that each block is noised over one pass of the clean tokens; of an adapter. */
      noisings: count.optional(),
      /** The share of sequences that are of data.chat. */
      chat: share.optional(),
      /** Batches whose gradients are added up for one step. */
      accumulate: count.default(1),
    }),
    /** How long to train: one of the three. */
    budget: z
      .strictObject({ steps: count, tokens: count, minutes: z.number().positive() })
      .partial()
      .refine((budget) => Object.keys(budget).length === 1, 'give one of steps, tokens and minutes'),
    objective: z
      .strictObject({
        /** The range that timesteps are drawn from, evenly: above the first, up to and including the second. */
        timesteps: z
          .tuple([share, share])
          .refine(([from, to]) => from < to, 'must ascend')
          .default([0, 1]),
        /** Timesteps drawn evenly, or for the most part evenly in information; of an adapter. */
        noise: z.enum(['uniform', 'information']).optional(),
        /** The share of blocks that hold clean tokens among the noised; of an adapter. */
        cleanTokens: share.optional(),
        /**
         * What draws an adapter's noise: counters, the same numbers on every machine, or the runtime's own generator,
         * which a GPU needs in order not to wait for its noise, and with which no run repeats another.
         */
        generator: z.enum(['counter', 'runtime']).optional(),
        /** The probability that a step is trained with the model's own previous logits. */
        selfConditioning: share.default(0.5),
        /**
         * The weight of a second loss: the cross-entropy of each clean position's next token, as a language model would
         * have it. Needs the causal mask.
         */
        nextTokenWeight: z.number().nonnegative().default(0),
      })
      .prefault({}),
    optimiser: z.strictObject({
      learningRate: z.number().positive(),
      /** Steps over which the learning rate rises from 0. */
      warmup: z.int().nonnegative(),
      /** Where the cosine decay ends, as a share of the learning rate. */
      finalLearningRate: share.default(0.05),
      beta1: share.default(0.9),
      beta2: share.default(0.98),
      weightDecay: z.number().nonnegative().default(0.01),
      clipNorm: z.number().positive().default(1),
      emaDecay: share.default(0.998),
    }),
    /** Steps between two validations, and the batches of one. */
    validation: z.strictObject({ every: count, batches: count }),
    /** Steps between two checkpoints. */
    checkpointEvery: count,
    /** How the finished model's weights are stored. */
    storage: z.enum(storageTypes).default('fp16'),
    provider: z.enum(executionProviders).default('cpu'),
  })
  .refine(({ model, batch }) => model.kind !== 'ssd2' || (batch.blocks + 1) * model.block <= model.positions, {
    path: ['batch', 'blocks'],
    error: 'must leave a block for the context: at most max_position_embeddings / block_size - 1',
  })
  .refine(
    ({ model, objective }) =>
      objective.nextTokenWeight === 0 || (model.kind === 'ssd2' && model.contextMask === 'causal'),
    { path: ['objective', 'nextTokenWeight'], message: 'needs an ssd2 model with context_mask causal' },
  )
  .refine(
    ({ model, objective }) =>
      objective.selfConditioning === 0 ||
      model.kind === 'adapter' ||
      (model.kind === 'ssd2' && model.contextMask !== 'full'),
    {
      path: ['objective', 'selfConditioning'],
      message: 'must be 0 for an autoregressive model, a tuned base, and for context_mask full, which is SSD-LM',
    },
  )
  .refine(({ data, batch }) => (batch.chat === undefined) === (data.chat === undefined), {
    path: ['batch', 'chat'],
    message: 'and data.chat go together: how many of the sequences are of these files',
  })
  .refine(({ model, data }) => model.kind === 'adapter' || data.chat === undefined, {
    path: ['data', 'chat'],
    message: 'is for an adapter, of model_type ssd2-adapter; others take data.format: instructions',
  })
  .refine(
    ({ model, batch, objective }) =>
      model.kind === 'adapter' ||
      [batch.noisings, objective.noise, objective.cleanTokens, objective.generator].every(
        (given) => given === undefined,
      ),
    {
      path: ['objective'],
      message: "noisings, noise, cleanTokens and generator are an adapter's, of model_type ssd2-adapter",
    },
  );

/** All that fixes a training run. */
export type Recipe = z.infer<typeof recipeSchema>;

/** A recipe of a model that is trained whole. */
export type NetworkRecipe = Recipe & { readonly model: NetworkConfig };

export function isNetworkRecipe(recipe: Recipe): recipe is NetworkRecipe {
  return !('base' in recipe.model);
}

/**
 * @param text YAML, of which JSON is a part
 * @throws Error naming the file's first wrong field
 */
export function parseRecipe(text: string, file: string): Recipe {
  let value: unknown;
  try {
    const document = parseDocument(text);
    // A tag that is not known is a warning there, printed by whoever asks for the value.
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong) throw wrong;
    value = document.toJS();
  } catch (cause) {
    throw new Error(`${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`);
  }
  const result = recipeSchema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`${file}: ${firstIssue(result.error, 'recipe')}`);
}

/** @throws Error naming the file, where it cannot be read, or its first wrong field */
export async function readRecipe(file: string): Promise<Recipe> {
  return parseRecipe(await readText(file), file);
}

/** One of those beside this file, by its name. */
export function shippedRecipe(name: string): Promise<Recipe> {
  return readRecipe(join(import.meta.dirname, 'recipes', `${name}.yaml`));
}

/** The learning rate of a step that counts from 1: linear warm-up, then a cosine to the final share. */
export function learningRateAt({ optimiser }: Recipe, step: number, steps: number): number {
  const { learningRate, warmup, finalLearningRate } = optimiser;
  if (step <= warmup) return (learningRate * step) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return learningRate * (finalLearningRate + ((1 - finalLearningRate) * (1 + Math.cos(Math.PI * progress))) / 2);
}
