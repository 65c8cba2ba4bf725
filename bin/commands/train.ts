import { constants } from 'node:os';
import cliProgress from 'cli-progress';
import { Command, Option } from 'commander';
import { readText } from '../../models/files/read-text.ts';
import { type ExecutionProvider, executionProviders } from '../../models/runtime/providers.ts';
import type { Metrics } from '../../models/training/metrics.ts';
import { parseRecipe, type Recipe } from '../../models/training/recipe.ts';
import { count, threads } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { isInteractive, printable } from '../terminal/printable.ts';
import { tenantBases, trainTenant } from './train-tenant.ts';

interface TrainOptions {
  recipe?: string;
  out?: string;
  tenant?: string;
  core: string;
  corpora: string;
  data?: string;
  validation?: string;
  tokenizer?: string;
  from?: string;
  steps?: number;
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
      new Option('--base <model>', 'of --tenant, what its model begins with').choices(tenantBases).default('david'),
    )
    .option('--core <folder>', 'of --tenant, the core that its model will correct', 'models/weights/core')
    .option('--corpora <folder>', "where the recipe's data paths start from", '.')
    .option('--data <path>', "a file or folder of JSON Lines or plain text, plain or gzip, instead of the recipe's")
    .option('--validation <path>', 'the same, held out')
    .option('--tokenizer <file>', "a tokenizer.json to share, as a tenant does the core's")
    .option('--from <folder>', 'a model to start from')
    .option('--steps <n>', "instead of the recipe's budget", count)
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
  slingshot train --tenant northwind --data handbook/ --base david
  slingshot train --recipe models/training/recipes/core.yaml --corpora ~/corpora --out runs/core
  slingshot train --recipe models/training/recipes/core.yaml --from models/weights/core --data notes/ --out runs/notes
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
  const { runRecipe } = await import('../../models/training/run.ts');
  const recipe = withOverrides(parseRecipe(await readText(options.recipe), options.recipe), options);
  const onTerminal = isInteractive(process.stderr);
  const stopping = new AbortController();
  let stoppedBy: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stoppedBy = signal;
      stopping.abort();
    });
  }
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% | step {value}/{total} | loss {loss} | {speed} tokens/s | {left} left',
    hideCursor: true,
  });
  let began = 0;
  // A resumed run counts from where it goes on.
  let start: { step: number; at: number } | undefined;
  try {
    const finished = await runRecipe(recipe, options.out, {
      corpora: options.corpora,
      signal: stopping.signal,
      ...(options.threads === undefined ? {} : { runtime: { threads: options.threads } }),
      onBadRow: ({ message }) => process.stderr.write(`skipped: ${printable(message)}\n`),
      onTokenized: (name, documents, tokens) => {
        if (onTerminal) process.stderr.write(`\r${name}: ${documents} documents, ${tokens} tokens\u001b[K`);
      },
      onStart: (tokens, parameters) => {
        if (onTerminal) process.stderr.write('\r\u001b[K');
        print(`${parameters} parameters, ${tokens} tokens of text, ${budget(recipe)}`);
        began = performance.now();
        if (onTerminal) bar.start(1, 0, { loss: '-', speed: '-', left: '-' });
      },
      onStep: (step, steps, loss, tokensPerSecond) => {
        start ??= { step: step - 1, at: began };
        const perStep = (performance.now() - start.at) / 1000 / (step - start.step);
        const left = steps === null ? '?' : duration((steps - step) * perStep);
        bar.setTotal(steps ?? step);
        bar.update(step, { loss: loss.toFixed(3), speed: Math.round(tokensPerSecond), left });
      },
      onMetrics: (metrics) => {
        if (!onTerminal) print(describe(metrics));
      },
    });
    bar.stop();
    // As a shell has it of a process that a signal ended, so that nothing goes on as if there were a model.
    if (!finished && stoppedBy) process.exitCode = 128 + constants.signals[stoppedBy];
    print(finished ? `the model is in ${options.out}` : `stopped; the checkpoint is in ${options.out}`);
  } finally {
    bar.stop();
  }
}

function withOverrides(recipe: Recipe, options: TrainOptions): Recipe {
  const { data, validation, tokenizer, from, steps, provider } = options;
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
    ...(provider === undefined ? {} : { provider }),
  };
}

function budget({ budget }: Recipe): string {
  return Object.entries(budget)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join();
}

function describe({ step, loss, validation, tokensPerSecond, seconds }: Metrics): string {
  const held = validation ? ` | validation ${validation.loss.toFixed(3)}` : '';
  return `step ${step} | loss ${loss.toFixed(3)}${held} | ${Math.round(tokensPerSecond)} tokens/s | ${duration(seconds)}`;
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
