import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { NextToken } from '../models/autoregressive/next-token.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { baseFiles } from '../models/checkpoint/base.ts';
import { isAutoregressive } from '../models/checkpoint/model-directory.ts';
import { readTexts } from '../models/data/documents.ts';
import { dataFiles } from '../models/data/rows.ts';
import { cost, logits } from '../models/evaluation/next-token-cost.ts';
import { ClusterMean, formatEstimate } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import { NgramDenoiser } from '../models/inference/ngram-denoiser.ts';
import type { StepModel } from '../models/inference/step-model.ts';
import { ngramFile } from '../models/ngram/ngram-config.ts';
import { NgramModel } from '../models/ngram/ngram-model.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import { parameterCount, parameterSpecs } from '../models/ssd2/parameters.ts';
import { autoregressive, autoregressiveTokensPerStep, baseModel, type Lab } from './lab.ts';
import type { Report } from './report.ts';

const tenants = ['contact-center', 'broadcast-video', 'fairy-tales'] as const;
const weights = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1];
const documents = 24;
/** Of a document: what is private to the tenant, what both are prompted with, and what is predicted. */
const [privateTokens, promptTokens, predictedTokens] = [200, 25, 100];
/** Of the network that stands beside the counts, trained for the lab's steps. */
const networkLayers = 4;

const settings = ['ratio', 'network', 'counts', 'counts, private', 'reading', 'reading, private'] as const;
type Setting = (typeof settings)[number];

interface Document {
  /** By setting and weight: nats of all predicted tokens, and how many. */
  readonly nats: Readonly<Record<Setting, readonly number[]>>;
  readonly tokens: number;
}

/**
 * Held-out text of each tenant under the core, the tenant and both, the tenant being its counts alone or with its base
 * reading beside them: as it is, with what comes before it as the tenant's private context, and with the tenant replaced by
 * the ratio of its tokens' frequency to the core's, or by a small network of its own, from nothing.
 */
export async function tenantsByWeight(lab: Lab): Promise<Report> {
  const model = await loadAdapter(join(shippedModels, 'core'));
  const runtime = { threads: lab.options.threads ?? 1 };
  const core = await AdaptedDenoiser.create(model, runtime);
  const corePrior = model.adapter.get('prior')?.data as Float32Array;
  const { vocabulary } = core.config;
  const results: { tenant: string; read: Document[] }[] = [];
  for (const name of tenants) {
    const directory = join(shippedModels, name);
    const reading = await NgramDenoiser.load(directory, runtime);
    const ngrams = await NgramModel.load(join(directory, ngramFile));
    const counts = await NgramDenoiser.create(name, reading.config, ngrams, { runtime });
    // Where nothing is drafted its logits are the frequencies of its tokens.
    const prior = (await logits(counts, [model.config.endOfText], null, vocabulary)).subarray(
      vocabulary,
      2 * vocabulary,
    );
    const ratio = prior.map((value, v) => value - corePrior[v]);
    const network = await trainNetwork(lab, name, model);
    const read: Document[] = [];
    for (const ids of await longDocuments(lab, name, model.tokenizer.encode.bind(model.tokenizer))) {
      lab.progress(`tenants: ${name}, document ${read.length + 1} of ${documents}`);
      read.push(await readDocument(ids, core, { counts, reading }, network, ratio));
    }
    results.push({ tenant: name, read });
    await reading.release();
    await counts.release();
    await network.release();
  }
  await core.release();
  return reportOf(lab, results, core.config.vocabulary);
}

/** A tenant of the kind that the counted ones are set against: a network of the core's tokens, on the tenant's text alone. */
async function trainNetwork(lab: Lab, domain: (typeof tenants)[number], core: AdaptedModel): Promise<NextToken> {
  const { vocabulary, endOfText } = core.config;
  const json = await readFile(join(shippedModels, core.base.name, baseFiles.tokenizer), 'utf8');
  const trained = await lab.train({
    model: autoregressive({ ...baseModel, layers: networkLayers, vocabulary, endOfText }),
    ...{
      domain,
      seed: lab.seeds[0],
      steps: lab.steps,
      vocabulary: { json, tokenizer: core.tokenizer },
    },
  });
  if (!isAutoregressive(trained.model)) throw new TypeError('not an autoregressive model');
  return new NextToken(trained.model, { threads: lab.options.threads ?? 1 });
}

async function longDocuments(lab: Lab, name: string, encode: (text: string) => Promise<number[]>): Promise<number[][]> {
  const all: number[][] = [];
  const length = privateTokens + promptTokens + predictedTokens;
  for await (const text of readTexts(await dataFiles(join(lab.options.corpora, 'tenants', `${name}.valid.jsonl.gz`)))) {
    const ids = await encode(text.slice(0, 8 * length));
    if (ids.length >= length) all.push(ids.slice(0, length));
  }
  const every = Math.max(1, all.length / documents);
  return Array.from({ length: Math.min(documents, all.length) }, (_, i) => all[Math.floor(i * every)]);
}

async function readDocument(
  ids: readonly number[],
  core: StepModel,
  kinds: Readonly<Record<'counts' | 'reading', StepModel>>,
  network: NextToken,
  ratio: Float32Array,
): Promise<Document> {
  const { block, vocabulary } = core.config;
  const own = ids.slice(0, privateTokens);
  const shared = ids.slice(privateTokens);
  const nats = Object.fromEntries(settings.map((setting) => [setting, weights.map(() => 0)])) as Record<
    Setting,
    number[]
  >;
  for (let start = promptTokens; start < shared.length; start += block) {
    const before = shared.slice(0, start);
    const next = shared.slice(start, start + block);
    const general = await logits(core, before, next, vocabulary);
    const row = (all: Float32Array, i: number) => all.subarray(i * vocabulary, (i + 1) * vocabulary);
    const add = (setting: Setting, kept: (weight: number) => number, other: (i: number) => Float32Array) =>
      next.forEach((token, i) => {
        weights.forEach((weight, at) => {
          nats[setting][at] += cost(row(general, i), kept(weight), other(i), weight, token);
        });
      });
    add(
      'ratio',
      () => 1,
      () => ratio,
    );
    const small = (await network.allLogProbabilities([...before, ...next])).subarray((start - 1) * vocabulary);
    add(
      'network',
      (weight) => 1 - weight,
      (i) => row(small, i),
    );
    for (const kind of ['counts', 'reading'] as const) {
      const plain = await logits(kinds[kind], before, next, vocabulary);
      const informed = await logits(kinds[kind], [...own, ...before], next, vocabulary);
      add(
        kind,
        (weight) => 1 - weight,
        (i) => row(plain, i),
      );
      add(
        `${kind}, private`,
        (weight) => 1 - weight,
        (i) => row(informed, i),
      );
    }
  }
  return { nats, tokens: shared.length - promptTokens };
}

function reportOf(
  lab: Lab,
  results: readonly { tenant: string; read: readonly Document[] }[],
  vocabulary: number,
): Report {
  const tokensTrained = lab.steps * autoregressiveTokensPerStep;
  const parameters = parameterCount(
    parameterSpecs(autoregressive({ ...baseModel, layers: networkLayers, vocabulary })),
  );
  const mean = (read: readonly Document[], setting: Setting, at: number) => {
    const estimate = new ClusterMean();
    for (const { nats, tokens } of read) estimate.add(nats[setting][at], tokens);
    return estimate.estimate;
  };
  const last = weights.length - 1;
  const rows = results.map(({ tenant, read }) => {
    // The weight is chosen on every other document and reported on the rest.
    const [choosing, reporting] = [0, 1].map((odd) => read.filter((_, i) => i % 2 === odd));
    const best = (setting: Setting) =>
      weights.map((_, at) => at).sort((a, b) => mean(choosing, setting, a).mean - mean(choosing, setting, b).mean)[0];
    const both = (setting: Setting) => mean(reporting, setting, best(setting));
    const shown = (setting: Setting) => `${formatEstimate(both(setting))} (${weights[best(setting)]})`;
    const alone = (setting: Setting) => mean(reporting, setting, last);
    const gain = (setting: Setting) =>
      1 - both(setting).mean / Math.min(mean(reporting, setting, 0).mean, alone(setting).mean);
    const kinds = settings.filter((setting) => setting !== 'ratio');
    return {
      tenant,
      gains: kinds.map((setting) => `${(100 * gain(setting)).toFixed(1)} %`).join(', '),
      lines: [
        [tenant, '', formatEstimate(mean(reporting, 'ratio', 0)), '', shown('ratio')],
        ...kinds.map((setting) => ['', setting, '', formatEstimate(alone(setting)), shown(setting)]),
      ],
    };
  });
  return {
    title: '9. Tenants by weight',
    finding: `Core and tenant together cost less than the better of both by, in the order of the tables' rows: ${rows.map(({ tenant, gains }) => `${tenant} ${gains}`).join('; ')}.`,
    setup:
      `The shipped core and tenants on ${documents} held-out documents of each tenant: after ${promptTokens} tokens, ${predictedTokens} are ` +
      `predicted, each from all before it; "private": the ${privateTokens} tokens before those are the tenant's context, and the core does not ` +
      'see them. Nats a token, 95 % intervals over documents; weights, in brackets, chosen on every other document and reported on the rest. ' +
      `"network": an autoregressive one of ${networkLayers} layers of ${baseModel.width}, from nothing, on ${tokensTrained.toLocaleString('en')} tokens of the ` +
      `tenant's text; ${parameters.toLocaleString('en')} numbers, as many bytes in eight bits.`,
    tables: [
      {
        caption:
          "First rows: the core alone, and with the tenant replaced by weight times log(its tokens' frequencies / the core's).",
        markdown: table(
          ['', 'tenant', 'core', 'tenant alone', 'both'],
          rows.flatMap(({ lines }) => lines),
        ),
      },
    ],
    charts: [
      {
        name: 'tenants',
        alt: "Nats a token of held-out text over the tenant's weight",
        svg: lineChart({
          title: "Held-out text by the tenant's weight",
          x: "the tenant's weight",
          y: 'nats a token',
          series: results.flatMap(({ tenant, read }) =>
            (['reading', 'reading, private'] as const).map((setting) => ({
              name: setting === 'reading' ? tenant : `${tenant}, private context`,
              dashed: setting !== 'reading',
              points: weights.map((weight, at) => [weight, mean(read, setting, at).mean] as const),
            })),
          ),
        }),
      },
    ],
    data: results,
  };
}
