import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { Command, Option } from 'commander';
import { modelFiles, saveModel } from '../../models/checkpoint/model-directory.ts';
import { type ExecutionProvider, executionProviders } from '../../models/runtime/providers.ts';
import { parameterCount } from '../../models/ssd2/parameters.ts';
import { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import { readTexts, tokenizeCorpus } from '../../models/training/corpus.ts';
import { parseRecipe, type Recipe } from '../../models/training/recipe.ts';
import type { Metrics } from '../../models/training/trainer.ts';
import { count } from '../terminal/options.ts';

interface TrainOptions {
  recipe: string;
  data: string;
  validation: string;
  out: string;
  tokenizer?: string;
  steps?: number;
  provider: ExecutionProvider;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a model, or go on where a stopped run left off')
    .requiredOption('--recipe <file>', 'JSON: model, batch, optimiser, budget (see models/training/recipes)')
    .requiredOption('--data <file>', 'JSON Lines of {"text"}, plain or gzip')
    .requiredOption('--validation <file>', 'the same, held out')
    .requiredOption('--out <folder>', 'checkpoint, metrics.jsonl and the finished model')
    .option(
      '--tokenizer <file>',
      "a tokenizer.json to share (a tenant takes the core's); trained on the data when absent",
    )
    .option('--steps <n>', "instead of the recipe's", count)
    .addOption(new Option('--provider <kind>', 'what executes the graphs').choices(executionProviders).default('cpu'))
    .addHelpText('after', '\nCtrl-C saves a checkpoint first. The same command again goes on from the last one.')
    .action(runTraining);
}

async function runTraining(options: TrainOptions): Promise<void> {
  const { train } = await import('../../models/training/trainer.ts');
  const parsed = parseRecipe(await readFile(options.recipe, 'utf8'), options.recipe);
  const recipe: Recipe = options.steps === undefined ? parsed : { ...parsed, steps: options.steps };
  await mkdir(options.out, { recursive: true });
  const tokenizerJson = await tokenizerFor(options, recipe);
  const tokenizer = Tokenizer.parse(tokenizerJson);
  if (tokenizer.size !== recipe.model.vocabulary) {
    throw new Error(`the tokenizer has ${tokenizer.size} tokens, the recipe's model ${recipe.model.vocabulary}`);
  }
  const tokenize = (file: string) =>
    tokenizeCorpus(file, tokenizer, (documents, tokens) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${file}: ${documents} documents, ${tokens} tokens\u001b[K`);
    });
  const data = { train: await tokenize(options.data), validation: await tokenize(options.validation) };
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  console.log(`${parameterCount(recipe.model)} parameters, ${data.train.length} tokens, ${recipe.steps} steps`);

  const stopping = new AbortController();
  const interrupt = () => stopping.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% | step {value}/{total} | loss {loss} | {speed} tokens/s | {left} left',
    hideCursor: true,
  });
  const onTerminal = process.stderr.isTTY;
  if (onTerminal) bar.start(recipe.steps, 0, { loss: '-', speed: '-', left: '-' });
  const rows = recipe.sequences * recipe.blocks * recipe.model.block;
  try {
    const buffers = await train(recipe, data, options.out, {
      runtime: { provider: options.provider },
      signal: stopping.signal,
      onStep: (step, loss, tokensPerSecond) => {
        const left = duration(((recipe.steps - step) * rows) / tokensPerSecond);
        bar.update(step, { loss: loss.toFixed(3), speed: Math.round(tokensPerSecond), left });
      },
      onMetrics: (metrics) => {
        if (!onTerminal) console.log(describe(metrics));
      },
    });
    if (stopping.signal.aborted) return console.log(`\nstopped; the checkpoint is in ${options.out}`);
    await saveModel(options.out, recipe.model, tokenizerJson, buffers.views(buffers.averages));
    console.log(`\nthe model is in ${options.out}`);
  } finally {
    bar.stop();
  }
}

/** A resumed run keeps its tokenizer. */
async function tokenizerFor({ tokenizer, out, data }: TrainOptions, { model }: Recipe): Promise<string> {
  const own = join(out, modelFiles.tokenizer);
  if (tokenizer !== undefined) return readFile(tokenizer, 'utf8');
  if (existsSync(own)) return readFile(own, 'utf8');
  console.log(`training a tokenizer of ${model.vocabulary} tokens`);
  const texts: string[] = [];
  for await (const text of readTexts(data)) texts.push(text);
  const json = await trainTokenizer(texts, model.vocabulary);
  await writeFile(own, json);
  return json;
}

function describe({ step, loss, validation, tokensPerSecond, seconds }: Metrics): string {
  const held = validation ? ` | validation ${validation.loss.toFixed(3)}` : '';
  return `step ${step} | loss ${loss.toFixed(3)}${held} | ${Math.round(tokensPerSecond)} tokens/s | ${duration(seconds)}`;
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
