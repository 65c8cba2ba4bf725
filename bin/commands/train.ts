import { Command, Option } from 'commander';
import { type ExecutionProvider, executionProviders } from '../../models/runtime/providers.ts';
import { type Recipe, readRecipe } from '../../models/training/recipe.ts';
import { count, shares, threads } from '../terminal/options.ts';
import { runOnTerminal } from './run-recipe.ts';
import { tenantBases, trainTenant } from './train-tenant.ts';

interface TrainOptions {
  recipe?: string;
  out?: string;
  tenant?: string;
  base: (typeof tenantBases)[number];
  core: string;
  corpora: string;
  data?: string;
  validation?: string;
  tokenizer?: string;
  from?: string;
  steps?: number;
  timesteps?: number[];
  provider?: ExecutionProvider;
  threads?: number;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a model, or go on where a stopped run left off')
    .option('--recipe <file>', 'YAML: model, data, objective, optimiser, budget (see models/training/recipes)')
    .option(
      '--out <folder>',
      "checkpoint, metrics.jsonl, loss-curve.svg and the finished model; of a tenant's runs/NAME",
    )
    .option('--tenant <name>', "make a tenant's own model of --data, without a recipe, and say what it gains")
    .addOption(
      new Option(
        '--base <model>',
        "of --tenant, what reads beside its counts: the core's base as it is, or tuned on its documents, which takes minutes",
      )
        .choices(tenantBases)
        .default('david'),
    )
    .option('--core <folder>', 'of --tenant, the core that its model will correct', 'models/weights/core')
    .option('--corpora <folder>', "where the recipe's data paths start from", '.')
    .option('--data <path>', "a file or folder of JSON Lines or plain text, plain or gzip, instead of the recipe's")
    .option('--validation <path>', 'the same, held out')
    .option('--tokenizer <file>', "a tokenizer.json to share, as a tenant does the core's")
    .option('--from <folder>', 'a model to start from')
    .option('--steps <n>', "instead of the recipe's budget", count)
    .option('--timesteps <from,to>', 'the range that a specialist is trained for, such as 0.6,1', shares)
    .addOption(new Option('--provider <kind>', 'what executes the graphs').choices(executionProviders))
    .option(
      '--threads <n>',
      'of the cpu provider (default: one a core; runs side by side do best with one each)',
      threads,
    )
    .addHelpText(
      'after',
      `
Ctrl-C saves a checkpoint first, and ends with 130. The same command again goes on from the last one, bit for bit as if it had not stopped.

Examples:
  slingshot train --tenant northwind --data handbook/
  slingshot train --tenant northwind --data handbook/ --base tuned
  slingshot train --recipe models/training/recipes/core.yaml --corpora ~/corpora --out runs/core
  slingshot train --recipe models/training/recipes/core.yaml --from models/weights/core --data notes/ --out runs/notes
  slingshot train --recipe models/training/recipes/specialist.yaml --timesteps 0.4,0.6 --corpora ~/corpora --out runs/middle
  slingshot train --recipe models/training/recipes/published.yaml --corpora ~/corpora --out runs/published`,
    )
    .action(runTraining);
}

async function runTraining(options: TrainOptions): Promise<void> {
  const { recipe, out, tenant } = options;
  if (tenant !== undefined) {
    if (recipe !== undefined) throw new Error('train: --tenant has no recipe; leave out the one or the other');
    return trainTenant({ ...options, tenant });
  }
  if (recipe === undefined)
    throw new Error("train: by which --recipe? Or make a tenant's model, --tenant NAME --data FILE");
  if (out === undefined) throw new Error('train: into which folder? Name it, --out FOLDER');
  return runRecipeIn({ ...options, recipe, out });
}

async function runRecipeIn(options: TrainOptions & { recipe: string; out: string }): Promise<void> {
  const { recipe: path, out, corpora, threads } = options;
  const recipe = withOverrides(await readRecipe(path), options);
  await runOnTerminal(recipe, out, { corpora, ...(threads === undefined ? {} : { threads }) });
}

function withOverrides(recipe: Recipe, options: TrainOptions): Recipe {
  const { data, validation, tokenizer, from, steps, timesteps, provider } = options;
  return {
    ...recipe,
    data: {
      ...recipe.data,
      ...(data === undefined ? {} : { train: data }),
      ...(validation === undefined ? {} : { validation }),
    },
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(from === undefined ? {} : { from }),
    ...(steps === undefined ? {} : { budget: { steps } }),
    ...(timesteps === undefined ? {} : { objective: { ...recipe.objective, timesteps: rangeOf(timesteps) } }),
    ...(provider === undefined ? {} : { provider }),
  };
}

function rangeOf([from, to, ...more]: readonly number[]): [number, number] {
  if (to === undefined || more.length > 0 || from >= to) {
    throw new Error('--timesteps: two shares that ascend, such as 0.6,1');
  }
  return [from, to];
}
