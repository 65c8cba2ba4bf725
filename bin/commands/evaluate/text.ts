import { join } from 'node:path';
import { Command } from 'commander';
import { requestSchema } from '../../../functions/contracts/request.ts';
import { fleetFor, readFleet, shippedModels } from '../../../lib/fleet.ts';
import { type Sample, samplePrompts } from '../../../lib/sample-prompts.ts';
import { startEngine } from '../../../lib/start-engine.ts';
import type { SampleMetrics } from '../../../models/evaluation/measure-samples.ts';
import { checkedRequest, count, seed, share, shares } from '../../terminal/options.ts';
import { print } from '../../terminal/output.ts';
import { OutputFile } from '../../terminal/output-file.ts';
import { showProgress } from '../../terminal/progress.ts';

interface TextOptions {
  prompts: string;
  count: number;
  words: number;
  samples: number;
  core: string;
  tenant?: string;
  weights: number[];
  tokens: number;
  steps: number;
  stopAt: number;
  seed: number;
  judge: string;
  domain?: string;
  general?: string;
  models: string;
  out?: string;
  picture?: string;
  json?: boolean;
}

const defaults = requestSchema.parse({ prompt: '-' });

export function textCommand(): Command {
  return new Command('text')
    .description('Generate from prompts and measure the text: perplexity under a judge, diversity, repetition, speed')
    .requiredOption('--prompts <path>', 'documents whose first words are the prompts, or rows of {"instruction"}')
    .option('--count <n>', 'prompts', count, 32)
    .option('--words <n>', 'of a document that make a prompt', count, 12)
    .option('--samples <n>', 'samples a prompt', count, 2)
    .option('--core <name>', 'core or instruct', 'core')
    .option('--tenant <name>', 'the tenant that corrects it')
    .option('--weights <list>', "the tenant's weights, each measured by itself", shares, [0.5])
    .option('--tokens <n>', 'tokens a sample', count, 50)
    .option('--steps <n>', 'timesteps', count, defaults.steps)
    .option('--stop-at <t>', 'timesteps at or below this are left out', share, defaults.stopAt)
    .option('--seed <n>', 'of the first sample; the others follow', seed, 1)
    .option('--judge <folder>', 'the autoregressive model that perplexity is taken under', join(shippedModels, 'judge'))
    .option('--domain <path>', "text whose terms' share is counted, with --general to tell them by")
    .option('--general <path>', 'text of no domain')
    .option('--models <folder>', 'the folder with the models', shippedModels)
    .option('--out <file>', 'write every sample as a JSON line of prompt, text, weight and seed')
    .option('--picture <file>', 'draw perplexity over the weights as SVG')
    .option('--json', 'print one JSON object')
    .action(runText);
}

async function runText(options: TextOptions): Promise<void> {
  const { isAutoregressive, loadModel } = await import('../../../models/checkpoint/model-directory.ts');
  const { NextToken } = await import('../../../models/autoregressive/next-token.ts');
  const { dataFiles } = await import('../../../models/data/rows.ts');
  const { promptsOf } = await import('../../../models/evaluation/prompts.ts');
  const { measureSamples, metricsTable } = await import('../../../models/evaluation/measure-samples.ts');
  const { core, tenant, samples, seed, tokens, steps, stopAt } = options;
  checkedRequest({ prompt: '-', ...(tenant === undefined ? {} : { tenant }), core, tokens, steps, stopAt, seed });
  const out = await OutputFile.openIfAsked('--out', options.out);
  const drawing = await OutputFile.openIfAsked('--picture', options.picture);
  const judge = await loadModel(options.judge);
  if (!isAutoregressive(judge)) throw new Error(`--judge: ${options.judge} is no autoregressive model`);
  const prompts = await promptsOf(await dataFiles(options.prompts), options.count, options.words);
  const domain = await termsOf(options);
  const asked = tenant === undefined ? { core } : { core, tenant };
  const weights = tenant === undefined ? [undefined] : options.weights;
  const engine = await startEngine('direct', fleetFor(await readFleet(options.models), asked), {});
  const next = new NextToken(judge);
  const progress = showProgress('samples');
  const total = weights.length * prompts.length * samples;
  let done = 0;
  const results: TextResult[] = [];
  try {
    for (const weight of weights) {
      const request = { ...asked, ...(weight === undefined ? {} : { weight }), tokens, steps, stopAt };
      const onSample = async ({ prompt, text, seed }: Sample) => {
        progress(++done, total);
        await out?.write(`${JSON.stringify({ prompt, text, weight, seed })}\n`);
      };
      const { texts, tokensPerSecond } = await samplePrompts(engine, prompts, request, { samples, seed }, onSample);
      const metrics = await measureSamples(prompts, texts, next, judge.tokenizer, domain);
      results.push({
        name: weight === undefined ? core : `weight ${weight}`,
        weight: weight ?? 0,
        metrics,
        tokensPerSecond,
      });
    }
  } finally {
    await engine.stop();
    await next.release();
  }
  if (options.json) {
    print(JSON.stringify({ ...asked, prompts: prompts.length, samples, tokens, steps, stopAt, seed, results }));
  } else {
    const what = `${prompts.length} prompts of ${options.prompts}, ${samples} samples each`;
    print(`${what}, ${tokens} tokens, ${steps} timesteps to t = ${stopAt}\n`);
    print(metricsTable(results));
  }
  await drawing?.write(await picture(options, results));
  await out?.close();
  await drawing?.close();
}

interface TextResult {
  readonly name: string;
  readonly weight: number;
  readonly metrics: SampleMetrics;
  readonly tokensPerSecond: number;
}

async function termsOf({ domain, general }: TextOptions): Promise<ReadonlySet<string> | undefined> {
  if (domain === undefined && general === undefined) return undefined;
  if (domain === undefined || general === undefined) throw new Error('--domain and --general go together');
  const { dataFiles } = await import('../../../models/data/rows.ts');
  const { readDocuments } = await import('../../../models/data/documents.ts');
  const { domainTerms, wordsOf } = await import('../../../models/evaluation/text-metrics.ts');
  const words = async (path: string) => {
    const all: string[] = [];
    for await (const part of readDocuments(await dataFiles(path), 'text', { policy: 'fail' })) {
      if (part.kind === 'piece') for (const word of wordsOf(part.text)) all.push(word);
    }
    return all;
  };
  return domainTerms(await words(domain), await words(general));
}

async function picture({ core, tenant, prompts }: TextOptions, results: readonly TextResult[]): Promise<string> {
  const { lineChart } = await import('../../../models/pictures/line-chart.ts');
  return lineChart({
    title: `Perplexity of ${tenant ? `${core} and ${tenant}` : core} under the judge`,
    subtitle: prompts,
    x: "the tenant's weight",
    y: 'perplexity',
    series: [
      { name: 'perplexity', points: results.map(({ weight, metrics }) => [weight, metrics.perplexity] as const) },
    ],
  });
}
