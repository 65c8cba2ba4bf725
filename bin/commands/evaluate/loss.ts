import { join } from 'node:path';
import { Command, Option } from 'commander';
import { shippedModels } from '../../../lib/fleet.ts';
import { checkTogether } from '../../../models/checkpoint/goes-with.ts';
import type { Model } from '../../../models/checkpoint/model-directory.ts';
import type { DataFormat } from '../../../models/data/documents.ts';
import type { DenoisingLoss, Evaluation } from '../../../models/evaluation/denoising-loss.ts';
import type { RangedLoss } from '../../../models/evaluation/range-estimates.ts';
import { type ExecutionProvider, executionProviders } from '../../../models/runtime/providers.ts';
import type { AutoregressiveConfig } from '../../../models/ssd2/config.ts';
import { count, seed, shares } from '../../terminal/options.ts';
import { print } from '../../terminal/output.ts';
import { OutputFile } from '../../terminal/output-file.ts';
import { showProgress } from '../../terminal/progress.ts';

interface LossOptions {
  data: string;
  format: DataFormat;
  model: string;
  tenant?: string;
  weights: number[];
  seed: number;
  batches?: number;
  selfConditioned?: boolean;
  against?: string;
  provider: ExecutionProvider;
  models: string;
  json?: boolean;
  picture?: string;
}

export function lossCommand(): Command {
  return new Command('loss')
    .description('Denoising cross-entropy in nats a token, by fifth of t and overall, of a model or an ensemble')
    .requiredOption('--data <path>', 'a file or folder of JSON Lines of {"text"} or plain text, plain or gzip')
    .addOption(
      new Option('--format <kind>', 'running text, or instructions, of which the responses count')
        .choices(['text', 'instructions'])
        .default('text'),
    )
    .requiredOption('--model <name>', 'core, a specialist, a tenant on its own, or an autoregressive model')
    .option('--tenant <name>', 'merge with this tenant')
    .option('--weights <list>', "the tenant's weights", shares, [0, 0.25, 0.5, 0.75, 1])
    .option('--seed <n>', 'of timesteps and noise', seed, 1)
    .option('--batches <n>', 'of four sequences (default: all of the data)', count)
    .option('--self-conditioned', 'of an adapter: with its own previous logits of the same timestep')
    .option('--against <name>', 'of an adapter: another over the same base, and the difference, token by token')
    .addOption(new Option('--provider <kind>', 'what executes the models').choices(executionProviders).default('cpu'))
    .option('--models <folder>', 'the folder with the models', shippedModels)
    .option('--json', 'print one JSON object')
    .option('--picture <file>', 'draw the losses over timesteps as SVG')
    .action(runLoss);
}

async function runLoss(options: LossOptions, command: Command): Promise<void> {
  const { isAutoregressive, isDiffusion, loadModel, loadDiffusionModel } = await import(
    '../../../models/checkpoint/model-directory.ts'
  );
  const { dataFiles } = await import('../../../models/data/rows.ts');
  const { tokenizeInMemory } = await import('../../../models/data/tokenize.ts');
  const drawing = await OutputFile.openIfAsked('--picture', options.picture);
  // A wrong path is told before a model is loaded.
  const files = await dataFiles(options.data);
  if (await isAdapter(join(options.models, options.model))) return lossOfAdapter(options, files, drawing);
  if (options.selfConditioned) throw new Error(`--self-conditioned: ${options.model} is no adapter`);
  if (options.against !== undefined) throw new Error(`--against: ${options.model} is no adapter`);
  const model = await loadModel(join(options.models, options.model));
  if (isAutoregressive(model)) refuseDenoisingOptions(command, options.model);
  const inFolder = (name: string) => ({ name, directory: join(options.models, name) });
  if (options.tenant !== undefined) await checkTogether(inFolder(options.model), [inFolder(options.tenant)]);
  const { format } = options;
  const corpus = await tokenizeInMemory(files, model.tokenizer, { policy: 'fail', format });
  const { seed, batches, provider } = options;
  const runtime = { provider };
  if (isAutoregressive(model)) return nextTokens(options, model, corpus.tokens);
  if (!isDiffusion(model)) throw new Error(`${options.model} is of no known type`);
  const { denoisingLoss } = await import('../../../models/evaluation/denoising-loss.ts');
  const tenant =
    options.tenant === undefined ? undefined : await loadDiffusionModel(join(options.models, options.tenant));
  const weights = tenant ? options.weights : [0];
  const onProgress = showProgress('batches');
  const result = await denoisingLoss(corpus, model, tenant, {
    ...{ weights, seed, runtime, onProgress },
    ...(batches === undefined ? {} : { batches }),
  });
  await report(options, result, drawing);
}

async function isAdapter(directory: string): Promise<boolean> {
  const { parseConfigFile } = await import('../../../models/checkpoint/model-directory.ts');
  const { isAdapterJson } = await import('../../../models/network/adapter-config.ts');
  return parseConfigFile(directory, isAdapterJson);
}

async function lossOfAdapter(
  options: LossOptions,
  files: readonly string[],
  drawing: OutputFile | undefined,
): Promise<void> {
  const { loadAdapter } = await import('../../../models/checkpoint/adapter-directory.ts');
  const { tokenizeInMemory } = await import('../../../models/data/tokenize.ts');
  const { adaptedLoss } = await import('../../../models/evaluation/adapted-loss.ts');
  const { chatOf } = await import('../../../models/checkpoint/base.ts');
  const { tenant, format, seed, batches, provider, selfConditioned, models } = options;
  if (tenant !== undefined) {
    throw new Error(`--tenant: ${options.model} is corrected by its tenants' drafts: see slingshot experiment tenants`);
  }
  const model = await loadAdapter(join(models, options.model), provider);
  const against =
    options.against === undefined ? undefined : await loadAdapter(join(models, options.against), provider);
  if (against && against.base.digest !== model.base.digest) {
    throw new Error(`--against: ${options.against} is over another base than ${options.model}`);
  }
  const corpus = await tokenizeInMemory(files, model.tokenizer, { policy: 'fail', format, chat: chatOf(model.base) });
  const result = await adaptedLoss(corpus, model, {
    ...{ seed, runtime: { provider }, onProgress: showProgress('sequences') },
    ...(batches === undefined ? {} : { batches }),
    ...(selfConditioned === undefined ? {} : { selfConditioned }),
    ...(against ? { against } : {}),
  });
  await report(options, result, drawing);
}

async function report(options: LossOptions, result: DenoisingLoss, drawing: OutputFile | undefined): Promise<void> {
  const { model, tenant, data, seed } = options;
  for (const { weight, overall } of result.evaluations) checkNumber(overall.mean, `with weight ${weight} `);
  const about = { model, tenant, data, seed };
  if (options.json) print(JSON.stringify({ ...about, ...result }));
  else {
    print(`${result.tokens} tokens of ${data}, seed ${seed}; nats a token by timestep range, 95 % intervals\n`);
    print(await lossTable(result, options.against));
    if (result.ownPosterior) print("\nalone: each position by Bayes' rule from its own noise, without a network");
  }
  await drawing?.write(await picture(about, result.evaluations));
  await drawing?.close();
}

/** A loss that is none is no result. */
function checkNumber(loss: number, when = ''): void {
  if (!Number.isFinite(loss)) throw new Error(`the loss ${when}is ${loss}: the model's logits are no numbers`);
}

/** What there is for denoising models alone. */
const denoisingOptions = ['tenant', 'weights', 'batches', 'picture'];

function refuseDenoisingOptions(command: Command, model: string): void {
  const given = denoisingOptions.find((name) => command.getOptionValueSource(name) === 'cli');
  if (given) throw new Error(`--${given}: ${model} is an autoregressive model, whose loss is one number`);
}

async function nextTokens(
  { model, data, json, provider }: LossOptions,
  loaded: Model<AutoregressiveConfig>,
  tokens: Uint16Array,
): Promise<void> {
  const { nextTokenLoss } = await import('../../../models/evaluation/next-token-loss.ts');
  const { formatEstimate } = await import('../../../models/evaluation/statistics.ts');
  const options = { runtime: { provider }, onProgress: showProgress('windows') };
  const [loss] = await nextTokenLoss([loaded], tokens, [0], options);
  checkNumber(loss.mean);
  if (json) return print(JSON.stringify({ model, data, loss }));
  print(`${formatEstimate(loss)} nats a token, each given those before it (95 % interval)`);
}

async function lossTable(
  { evaluations, ownPosterior, difference }: DenoisingLoss,
  against: string | undefined,
): Promise<string> {
  const { formatEstimate } = await import('../../../models/evaluation/statistics.ts');
  const { table } = await import('../../../models/evaluation/table.ts');
  const { rangeLabel } = await import('../../../models/training/range-means.ts');
  const row = (name: string, { byRange, overall }: RangedLoss) => [
    name,
    ...[...byRange, overall].map((estimate) => formatEstimate(estimate)),
  ];
  return table(
    ['weight', ...evaluations[0].byRange.map((_, range) => `t ${rangeLabel(range)}`), 'overall'],
    [
      ...evaluations.map((evaluation) => row(evaluation.weight.toFixed(2), evaluation)),
      ...(ownPosterior ? [row('alone', ownPosterior)] : []),
      ...(difference ? [row(`less ${against}`, difference)] : []),
    ],
  );
}

async function picture(
  about: { model: string; tenant?: string | undefined; data: string },
  evaluations: readonly Evaluation[],
) {
  const { lineChart } = await import('../../../models/pictures/line-chart.ts');
  const { rangeCount } = await import('../../../models/training/range-means.ts');
  const { model, tenant, data } = about;
  return lineChart({
    title: `Denoising cross-entropy of ${tenant ? `${model} and ${tenant} by weight` : model}`,
    subtitle: data,
    x: 'timestep',
    y: 'nats a token',
    series: evaluations.map(({ weight, byRange }) => ({
      name: tenant ? `weight ${weight}` : model,
      points: byRange.map(({ mean }, range) => [(range + 0.5) / rangeCount, mean] as const),
      margins: byRange.map(({ margin }) => margin),
    })),
  });
}
