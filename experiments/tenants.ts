import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { readTexts } from '../models/data/documents.ts';
import { dataFiles } from '../models/data/rows.ts';
import { ClusterMean, formatEstimate } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import { NgramDenoiser } from '../models/inference/ngram-denoiser.ts';
import type { StepModel } from '../models/inference/step-model.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import type { Form } from '../models/ssd2/form.ts';
import type { Lab } from './lab.ts';
import type { Report } from './report.ts';

const tenants = ['contact-center', 'broadcast-video', 'fairy-tales'];
const weights = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1];
const documents = 24;
/** Of a document: what is private to the tenant, what both are prompted with, and what is predicted. */
const [privateTokens, promptTokens, predictedTokens] = [200, 25, 100];

/** The next-token logits alone. */
const draft: Form = {
  timesteps: [1],
  wave: true,
  ...{ denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 },
};

type Setting = 'plain' | 'private' | 'ratio';

interface Document {
  /** By setting and weight: nats of all predicted tokens, and how many. */
  readonly nats: Readonly<Record<Setting, readonly number[]>>;
  readonly tokens: number;
}

/**
 * Held-out text of each tenant under the core, the tenant and both: as it is, with what comes before it as the tenant's
 * private context, and with the tenant replaced by the ratio of its tokens' frequency to the core's.
 */
export async function tenantsByWeight(lab: Lab): Promise<Report> {
  const model = await loadAdapter(join(shippedModels, 'core'));
  const core = await AdaptedDenoiser.create(model, { threads: lab.options.threads ?? 1 });
  const corePrior = model.adapter.get('prior')?.data as Float32Array;
  const { vocabulary } = core.config;
  const results: { tenant: string; read: Document[] }[] = [];
  for (const name of tenants) {
    const tenant = await NgramDenoiser.load(join(shippedModels, name));
    // Where nothing is drafted its logits are the frequencies of its tokens.
    const prior = (await logits(tenant, [model.config.endOfText], null, vocabulary)).subarray(
      vocabulary,
      2 * vocabulary,
    );
    const ratio = prior.map((value, v) => value - corePrior[v]);
    const read: Document[] = [];
    for (const ids of await longDocuments(lab, name, model.tokenizer.encode.bind(model.tokenizer))) {
      lab.progress(`tenants: ${name}, document ${read.length + 1} of ${documents}`);
      read.push(await readDocument(ids, core, tenant, ratio));
    }
    results.push({ tenant: name, read });
  }
  await core.release();
  return reportOf(results);
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
  tenant: StepModel,
  ratio: Float32Array,
): Promise<Document> {
  const { block, vocabulary } = core.config;
  const own = ids.slice(0, privateTokens);
  const shared = ids.slice(privateTokens);
  const nats: Record<Setting, number[]> = {
    plain: weights.map(() => 0),
    private: weights.map(() => 0),
    ratio: weights.map(() => 0),
  };
  for (let start = promptTokens; start < shared.length; start += block) {
    const before = shared.slice(0, start);
    const next = shared.slice(start, start + block);
    const general = await logits(core, before, next, vocabulary);
    const plain = await logits(tenant, before, next, vocabulary);
    const informed = await logits(tenant, [...own, ...before], next, vocabulary);
    const row = (all: Float32Array, i: number) => all.subarray(i * vocabulary, (i + 1) * vocabulary);
    next.forEach((token, i) => {
      weights.forEach((weight, at) => {
        const mixed = (other: Float32Array, kept: number) => cost(row(general, i), kept, other, weight, token);
        nats.plain[at] += mixed(row(plain, i), 1 - weight);
        nats.private[at] += mixed(row(informed, i), 1 - weight);
        nats.ratio[at] += mixed(ratio, 1);
      });
    });
  }
  return { nats, tokens: shared.length - promptTokens };
}

/** Next-token log-probabilities of a block's tokens given those before each. */
async function logits(
  model: StepModel,
  context: readonly number[],
  next: readonly number[] | null,
  vocabulary: number,
): Promise<Float32Array> {
  const lane = {
    ...{ context: [...context], previous: null, form: draft, steps: 1 },
    tokens: next?.map((token) => [token]) ?? null,
    ...{ seed: 0, lane: 0, block: 0, step: 0 },
  };
  const { envelopes } = await model.denoise([lane], vocabulary, '');
  return Float32Array.from(envelopes[0].logProbabilities);
}

/** What a token costs under the normalised sum. */
function cost(general: Float32Array, kept: number, other: Float32Array, weight: number, token: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < general.length; v++) max = Math.max(max, kept * general[v] + weight * other[v]);
  let sum = 0;
  for (let v = 0; v < general.length; v++) sum += Math.exp(kept * general[v] + weight * other[v] - max);
  return max + Math.log(sum) - (kept * general[token] + weight * other[token]);
}

function reportOf(results: readonly { tenant: string; read: readonly Document[] }[]): Report {
  const mean = (read: readonly Document[], setting: Setting, at: number) => {
    const estimate = new ClusterMean();
    for (const { nats, tokens } of read) estimate.add(nats[setting][at], tokens);
    return estimate.estimate;
  };
  const rows = results.map(({ tenant, read }) => {
    // The weight is chosen on every other document and reported on the rest.
    const [choosing, reporting] = [0, 1].map((odd) => read.filter((_, i) => i % 2 === odd));
    const best = (setting: Setting) =>
      weights.map((_, at) => at).sort((a, b) => mean(choosing, setting, a).mean - mean(choosing, setting, b).mean)[0];
    const at = { plain: best('plain'), private: best('private'), ratio: best('ratio') };
    const shown = (setting: Setting, index: number) => formatEstimate(mean(reporting, setting, index));
    const last = weights.length - 1;
    const alone = Math.min(mean(reporting, 'plain', 0).mean, mean(reporting, 'plain', last).mean);
    const gain = 1 - mean(reporting, 'plain', at.plain).mean / alone;
    const line = [
      ...[tenant, shown('plain', 0), shown('plain', last), `${shown('plain', at.plain)} (${weights[at.plain]})`],
      ...[`${shown('ratio', at.ratio)} (${weights[at.ratio]})`, shown('private', last)],
      `${shown('private', at.private)} (${weights[at.private]})`,
    ];
    return { tenant, line, gain };
  });
  return {
    title: '9. Tenants by weight',
    finding: `Core and tenant together cost ${rows.map(({ tenant, gain }) => `${(100 * gain).toFixed(0)} % less than the better of both on ${tenant}`).join(', ')}.`,
    setup:
      `The shipped core and tenants on ${documents} held-out documents of each tenant: after ${promptTokens} tokens, ${predictedTokens} are ` +
      `predicted, each from all before it; "private": the ${privateTokens} tokens before those are the tenant's context, and the core does not ` +
      'see them. Nats a token, 95 % intervals over documents; weights, in brackets, chosen on every other document and reported on the rest.',
    tables: [
      {
        caption: "Unigram ratio: the tenant replaced by weight times log(its frequencies / the core's):",
        markdown: table(
          ['', 'core', 'tenant', 'both', 'unigram ratio', 'tenant, private', 'both, private'],
          rows.map(({ line }) => line),
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
            (['plain', 'private'] as const).map((setting) => ({
              name: setting === 'plain' ? tenant : `${tenant}, private context`,
              dashed: setting === 'private',
              points: weights.map((weight, at) => [weight, mean(read, setting, at).mean] as const),
            })),
          ),
        }),
      },
    ],
    data: results,
  };
}
