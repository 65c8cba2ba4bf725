import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { modelFiles } from '../models/checkpoint/model-directory.ts';
import { readText } from '../models/files/read-text.ts';
import type { AdapterShape } from '../models/network/adapter.ts';
import { parseRecipe, type Recipe } from '../models/training/recipe.ts';
import { runRecipe } from '../models/training/run.ts';
import { digestOf, type Lab } from './lab.ts';

const coreRecipe = join(import.meta.dirname, '..', 'models', 'training', 'recipes', 'core.yaml');

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
  const recipe = parseRecipe(await readText(coreRecipe), coreRecipe);
  if (recipe.model.kind !== 'adapter') throw new TypeError(`${coreRecipe} trains no adapter`);
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
  if (!existsSync(join(directory, modelFiles.weights))) {
    await runRecipe(changed, directory, {
      corpora: lab.options.corpora,
      ...(lab.options.threads === undefined ? {} : { runtime: { threads: lab.options.threads } }),
      onMetrics: ({ step, loss }) =>
        lab.progress(`training ${name}: ${step} of ${steps} steps, loss ${loss.toFixed(3)}`),
    });
  }
  return directory;
}
