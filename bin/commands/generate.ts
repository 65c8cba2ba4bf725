import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { Command, Option } from 'commander';
import type { DegradedText, StepMessage } from '../../functions/contracts/generation.ts';
import {
  type Degradation,
  degradations,
  type GenerationRequest,
  requestSchema,
  usualGap,
} from '../../functions/contracts/request.ts';
import { type EngineName, engines } from '../../lib/engine.ts';
import { type Fleet, fleetFor, readFleet, shippedModels, withTenant } from '../../lib/fleet.ts';
import { startEngine } from '../../lib/start-engine.ts';
import { loadServedConfig, loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { readText, standardInput } from '../../models/files/read-text.ts';
import { type ExecutionProvider, executionProviders } from '../../models/runtime/providers.ts';
import { projections } from '../../models/ssd2/projection.ts';
import { type Quality, qualities } from '../../models/ssd2/quality.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import { viewFor } from '../terminal/block-view.ts';
import {
  checkedRequest,
  count,
  countOrNone,
  nonNegative,
  positive,
  positiveShare,
  range,
  seed,
  share,
  timeout,
} from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { OutputFile } from '../terminal/output-file.ts';
import { isInteractive, shown } from '../terminal/printable.ts';
import { report } from '../terminal/report.ts';
import { SettledText } from '../terminal/settled-text.ts';
import { WatchedRun } from '../terminal/watched-run.ts';

interface GenerateOptions {
  prompt?: string;
  promptFile?: string;
  suffix?: string;
  gap?: NonNullable<GenerationRequest['gap']>;
  bestOf?: number;
  core: string;
  tenant?: string;
  tenantDocs?: string;
  quality?: Quality;
  temperature?: number;
  sharpen?: number;
  weight?: number;
  contrast?: number;
  context?: string;
  degradation?: Degradation;
  tenantBlocks?: number;
  steps: number;
  tokens: number;
  topP: number;
  seed: number;
  projection: GenerationRequest['projection'];
  selfConditioning: GenerationRequest['selfConditioning'];
  stopAt: number;
  visit: number;
  engine: EngineName;
  provider: ExecutionProvider;
  models: string;
  timeout: number;
  json?: boolean;
  trace?: string;
  watch?: string;
}

const defaults = requestSchema.parse({ prompt: '-' });

export function generateCommand(): Command {
  return new Command('generate')
    .description('Generate text from a prompt, by the core alone or corrected by a tenant')
    .option('--prompt <text>', 'what the text goes on from')
    .addOption(new Option('--prompt-file <file>', 'the same from a file; - for standard input').conflicts('prompt'))
    .option('--suffix <text>', 'text to end in: what is generated fills the gap between prompt and suffix')
    .addOption(
      new Option('--gap <range>', `tokens of the gap, such as 5-15 (default: ${usualGap.least}-${usualGap.most})`)
        .conflicts('tokens')
        .argParser(range),
    )
    .option(
      '--best-of <n>',
      'candidates, of which the likeliest is taken (default: 1, and 8 for a gap); as many times the work',
      count,
    )
    .option(
      '--core <name>',
      'which core answers: core, or instruct, which is asked as its base was taught',
      defaults.core,
    )
    .option('--tenant <name>', "the tenant whose model corrects the core's")
    .addOption(
      new Option('--tenant-docs <path>', "documents to make the tenant's model of at once, by counting").conflicts(
        'tenant',
      ),
    )
    .addOption(
      new Option('--quality <kind>', 'how a block is decoded (default: default, where the core can)').choices(
        qualities,
      ),
    )
    .option('--temperature <t>', "what the models' logits are divided by", positive)
    .option('--sharpen <g>', "how far logits are pushed away from the tokens' frequency", nonNegative)
    .option('--weight <w>', "the tenant's weight in the ensemble, 0 to 1 (default: 0.5 with a tenant)", share)
    .option(
      '--contrast <a>',
      "how far the tenant's private context is set off against the prompt alone, from 0",
      nonNegative,
    )
    .option(
      '--context <file>',
      "text that the tenant's model sees before the prompt, and the core does not; - for standard input",
    )
    .addOption(
      new Option(
        '--degradation <choice>',
        "where the tenant's model does not answer: fail, or go on with the core alone (default: fail)",
      ).choices(degradations),
    )
    .option('--tenant-blocks <n>', 'blocks that the tenant corrects, from the first on (default: all)', countOrNone)
    .option('--tokens <n>', 'tokens to generate', count, defaults.tokens)
    .option('--steps <n>', 'timesteps from t = 1 down to 0', count, defaults.steps)
    .option('--stop-at <t>', 'timesteps at or below this are left out', share, defaults.stopAt)
    .option('--top-p <p>', 'the nucleus that tokens are sampled from', positiveShare, defaults.topP)
    .option('--seed <n>', 'the noise; the same seed gives the same text', seed, defaults.seed)
    .addOption(
      new Option('--projection <kind>', 'from logits to tokens').choices(projections).default(defaults.projection),
    )
    .addOption(
      new Option(
        '--self-conditioning <kind>',
        'what models see of the step before: the merged logits or each its own (see docs/privacy.md)',
      )
        .choices(['fused', 'own'])
        .default(defaults.selfConditioning),
    )
    .option('--visit <k>', 'denoise steps that one call of a function runs', count, defaults.visit)
    .addOption(
      new Option('--engine <kind>', 'the state machine, or the plain loop').choices(engines).default(engines[0]),
    )
    .addOption(new Option('--provider <kind>', 'what executes the models').choices(executionProviders).default('cpu'))
    .option('--models <folder>', 'the folder with core and tenants (default: the shipped ones)')
    .option('--timeout <seconds>', 'how long an endpoint may take to answer', timeout, 30)
    .option('--json', 'print one JSON object: text, tokens, blocks, steps, seconds, models, seed')
    .option('--trace <file>', 'write a JSON line for every denoise step')
    .option('--watch <file.html>', 'write a page that plays the run, and says who decided each word')
    .action(async (options: GenerateOptions, command: Command) => {
      const lengthGiven = options.gap !== undefined || command.getOptionValueSource('tokens') !== 'default';
      await generate(options.suffix === undefined || lengthGiven ? options : { ...options, gap: usualGap });
    });
}

async function generate(options: GenerateOptions): Promise<void> {
  const request = await requestOf(options);
  const oneText = options.suffix === undefined && options.bestOf === undefined;
  if (options.watch !== undefined && !oneText) {
    throw new Error('--watch: shows one text, and not candidates; leave out --suffix and --best-of');
  }
  const trace = await OutputFile.openIfAsked('--trace', options.trace);
  const page = await OutputFile.openIfAsked('--watch', options.watch);
  const whole = await readFleet(options.models ?? shippedModels);
  await using counted = options.tenantDocs === undefined ? undefined : await countDocuments(options.tenantDocs, whole);
  const fleet = fleetFor(counted?.fleet ?? whole, request);
  const { directory } = fleet.core;
  const { kind } = await loadServedConfig(directory);
  const tokenizer = await loadServedTokenizer(directory);
  const view = options.json ? undefined : viewFor(process.stderr, tokenizer, request, kind !== 'adapter');
  const settled = new SettledText();
  const watched = page && new WatchedRun(tokenizer, request);
  let tracing: Promise<void> | undefined;
  const onStep = (step: StepMessage) => {
    // Of candidates the first is shown.
    if (step.lane === 0) {
      for (const watcher of [view, settled, watched]) watcher?.step(step);
    }
    if (trace) tracing = (tracing ?? Promise.resolve()).then(() => trace.write(`${JSON.stringify(traceLine(step))}\n`));
    tracing?.catch(() => {});
  };
  const grey = (text: string) => process.stderr.write(styleText('gray', text, { stream: process.stderr }));
  if (view && isInteractive(process.stderr)) grey('starting the models ...\r');
  const engine = await startEngine(options.engine, fleet, {
    provider: options.provider,
    endpointTimeoutMilliseconds: Math.ceil(options.timeout * 1000),
    onStep,
  });
  try {
    const started = performance.now();
    watched?.begin();
    const { text, tokens, blocks, steps, models, seed, degraded } = await engine.generate(request);
    const seconds = Math.round(performance.now() - started) / 1000;
    await view?.finish();
    if (options.json) print(JSON.stringify({ text, tokens, blocks, steps, seconds, models, seed, degraded }));
    else {
      const coloured = oneText ? await settled.coloured({ text, tokens }, tokenizer, process.stdout) : undefined;
      const said = process.stdout.isTTY && coloured !== undefined ? coloured : shown(text, process.stdout);
      print(`${shown(request.prompt, process.stdout)}${said}${shown(request.suffix ?? '', process.stdout)}`);
      grey(`\n${tokens} tokens, ${steps} steps, ${seconds.toFixed(1)} s, ${models.join(' + ')}, seed ${seed}\n`);
    }
    if (degraded && !options.json) grey(degradedLine(degraded));
    await tracing;
    if (watched) await page?.write(await watched.page(await playerTemplate(), { text, tokens }));
  } catch (error) {
    report(error);
    throw error;
  } finally {
    await engine.stop();
    await trace?.close();
    await page?.close();
  }
}

function degradedLine({ without, block, error, tokens }: DegradedText): string {
  const who = without.join(', ');
  return `${who} did not answer (${error}): ${tokens} tokens are the core's alone, as with --tenant-blocks ${block}\n`;
}

async function playerTemplate(): Promise<string> {
  const { cachedSite } = await import('../../lib/console/cached-site.ts');
  return String((await cachedSite()).get('console/player.html'));
}

/** As much as a prompt or context may have, which is more than any model here takes. */
const promptBytes = 2 ** 20;

type Request = GenerationRequest & Pick<GenerateOptions, 'steps' | 'stopAt'>;

/** The name of the tenant that --tenant-docs makes. */
const countedTenant = 'documents';

/** The fleet with a tenant made of documents, which lasts as long as the command. */
async function countDocuments(data: string, fleet: Fleet) {
  const { makeNgramModel } = await import('../../models/ngram/make-ngram-model.ts');
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-documents-'));
  const remove = () => rm(folder, { recursive: true });
  try {
    await makeNgramModel({ data, core: fleet.core.directory, folder });
    return { fleet: await withTenant(fleet, countedTenant, folder), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw new Error(`--tenant-docs: ${(error as Error).message}`, { cause: error });
  }
}

async function requestOf(options: GenerateOptions): Promise<Request> {
  const { core, tenant, weight, contrast, steps, tokens, topP, seed, projection, selfConditioning, stopAt, visit } =
    options;
  const fromInput = [options.promptFile, options.context].filter((file) => file === standardInput);
  if (fromInput.length > 1) throw new Error('--context: standard input is read for --prompt-file already');
  const prompt = options.prompt ?? (await textOf('--prompt-file', options.promptFile));
  if (prompt === undefined) throw new Error("give the prompt as '--prompt <text>' or '--prompt-file <file>'");
  const context = await textOf('--context', options.context);
  const request = {
    ...{ prompt, core, steps, tokens, topP, seed, projection, selfConditioning, stopAt, visit },
    ...(tenant === undefined ? {} : { tenant }),
    ...(options.tenantDocs === undefined ? {} : { tenant: countedTenant }),
    ...(options.suffix === undefined ? {} : { suffix: options.suffix }),
    ...(options.gap === undefined ? {} : { gap: options.gap }),
    ...(options.bestOf === undefined ? {} : { bestOf: options.bestOf }),
    ...(options.quality === undefined ? {} : { quality: options.quality }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.sharpen === undefined ? {} : { sharpen: options.sharpen }),
    ...(weight === undefined ? {} : { weight }),
    ...(contrast === undefined ? {} : { contrast }),
    ...(context === undefined ? {} : { context }),
    ...(options.degradation === undefined ? {} : { degradation: options.degradation }),
    ...(options.tenantBlocks === undefined ? {} : { tenantBlocks: options.tenantBlocks }),
  };
  checkedRequest(request);
  return request;
}

async function textOf(option: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readText(file, promptBytes);
  } catch (error) {
    throw new Error(`${option}: ${(error as Error).message}`);
  }
}

function traceLine({ lane, block, step, t, routes, tokens, confidence, entropy, changed, milliseconds }: StepMessage) {
  const endpoints = Object.fromEntries(Object.entries(routes).map(([member, route]) => [member, endpointName(route)]));
  return {
    lane,
    block,
    step,
    t,
    routes: endpoints,
    tokens,
    meanTopProbability: confidence,
    entropy,
    changed,
    milliseconds,
  };
}
