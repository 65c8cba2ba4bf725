import { join, resolve } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import type { AdapterShape } from '../models/network/adapter.ts';
import { type Recipe, shippedRecipe } from '../models/training/recipe.ts';
import { digestOf, type Lab } from './lab.ts';

/** What tells one training of an adapter from another; the rest is core.yaml's. */
export interface AdapterTraining {
  readonly rank: AdapterShape['rank'];
  readonly objective: Partial<Recipe['objective']>;
  readonly learningRate: number;
  readonly steps: number;
  /** The share of sequences that are instructions. */
  readonly chat?: number;
}

/** The folder of an adapter of the shipped base, trained on the core's sample now or before. */
export async function trainAdapter(
  lab: Lab,
  name: string,
  { rank, objective, learningRate, steps, chat }: AdapterTraining,
): Promise<string> {
  const recipe = await shippedRecipe('core');
  if (recipe.model.kind !== 'adapter') throw new TypeError('core.yaml trains no adapter');
  const changed: Recipe = {
    ...recipe,
    model: { ...recipe.model, rank, base: join(shippedModels, 'smollm2-135m-instruct') },
    data: {
      ...recipe.data,
      train: resolve(await lab.coreSample()),
      ...(chat === undefined ? {} : { chat: resolve(lab.options.corpora, 'instructions.train.jsonl.gz') }),
      validation: (await lab.files('core', 'valid')).map((file) => resolve(file)),
    },
    batch: { ...recipe.batch, noisings: 1, ...(chat === undefined ? {} : { chat }) },
    budget: { steps },
    objective: { ...recipe.objective, ...objective },
    // An average over as many steps as the core's would still hold the beginning.
    optimiser: { ...recipe.optimiser, learningRate, warmup: 20, emaDecay: 0.97 },
    validation: { every: steps, batches: 1 },
    storage: 'fp32',
  };
  const directory = join(
    lab.options.folder,
    'models',
    digestOf([rank, objective, learningRate, steps, ...(chat === undefined ? [] : [chat])]),
  );
  await lab.runOnce(name, changed, directory);
  return directory;
}
