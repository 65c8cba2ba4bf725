import { isAutoregressive, isDiffusion } from '../models/checkpoint/model-directory.ts';
import { denoisingLoss } from '../models/evaluation/denoising-loss.ts';
import { nextTokenLoss } from '../models/evaluation/next-token-loss.ts';
import { type Estimate, formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import type { DiffusionConfig } from '../models/ssd2/config.ts';
import { parameterCount, parameterSpecs } from '../models/ssd2/parameters.ts';
import {
  autoregressive,
  autoregressiveTokensPerStep,
  baseModel,
  type Lab,
  type Trained,
  tokensPerStep,
} from './lab.ts';
import type { Report } from './report.ts';

const weights = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const batches = 6;

const core = { ...baseModel, width: 160, layers: 4, feedForward: 640 };
/** Tenants of about a half, a fifth, a tenth and a twenty-fifth of the core. */
const tenants = [
  { ratio: 2, width: 120, layers: 3 },
  { ratio: 5, width: 88, layers: 2 },
  { ratio: 10, width: 72, layers: 1 },
  { ratio: 25, width: 36, layers: 1 },
].map(({ ratio, width, layers }) => ({ ratio, model: { ...baseModel, width, layers, feedForward: 4 * width } }));

/** The gain of core and tenant together over the better of the two, by size ratio and weight; diffusion and AR. */
export async function collaboration(lab: Lab): Promise<Report> {
  const kinds = [
    { kind: 'diffusion', make: (model: DiffusionConfig) => model, losses: diffusionLosses },
    { kind: 'AR', make: autoregressive, losses: autoregressiveLosses },
  ];
  const curves: { kind: string; ratio: number; exact: number; bySeed: number[][] }[] = [];
  for (const { kind, make, losses } of kinds) {
    for (const { ratio, model } of tenants) {
      const bySeed: number[][] = [];
      for (const seed of lab.seeds) {
        const big = await lab.train({ model: make(core), domain: 'core', seed, steps: lab.steps });
        const small = await lab.train({ model: make(model), domain: 'contact-center', seed, steps: lab.steps });
        bySeed.push(await losses(lab, big, small));
      }
      curves.push({
        kind,
        ratio,
        exact: parameterCount(parameterSpecs(make(core))) / parameterCount(parameterSpecs(make(model))),
        bySeed,
      });
    }
  }
  const gains = curves.map(({ bySeed }) => meanOf(bySeed.map((losses) => gain(losses))));
  const best = curves.map(
    ({ bySeed }) => weights[indexOfLeast(weights.map((_, w) => meanOf(bySeed.map((seed) => seed[w])).mean))],
  );
  const row = (i: number): string[] => {
    const { kind, exact, bySeed } = curves[i];
    const at = (w: number) => formatEstimate(meanOf(bySeed.map((losses) => losses[w])));
    return [kind, exact.toFixed(1), at(0), at(weights.length - 1), best[i].toFixed(1), formatEstimate(gains[i])];
  };
  const meanGain = (kind: string): Estimate =>
    meanOf(
      lab.seeds.map((_, seed) => {
        const own = curves.filter((curve) => curve.kind === kind);
        return own.reduce((sum, { bySeed }) => sum + gain(bySeed[seed]), 0) / own.length;
      }),
    );
  return {
    title: '6. Collaboration of core and tenant',
    setup:
      `A core of ${count(parameterCount(parameterSpecs(core)))} parameters trained on a tenth of the core's corpus, tenants of four sizes on ` +
      `contact-center, ${lab.steps} steps each of ${count(tokensPerStep)} noised tokens (AR: ${count(autoregressiveTokensPerStep)} tokens), seeds ${lab.seeds.join(', ')}; the loss is on ` +
      `contact-center's held-out text, the gain what the best of the weights 0, 0.1 ... 1 gains over the better of the two.`,
    tables: [
      {
        caption: 'Cross-entropy in nats a token: denoising, or of the next token for AR:',
        markdown: table(
          ['', 'core / tenant size', 'core alone', 'tenant alone', 'best weight', 'gain over the better'],
          curves.map((_, i) => row(i)),
        ),
      },
    ],
    charts: ['diffusion', 'AR'].map((kind) => ({
      name: `collaboration-${kind.toLowerCase()}`,
      alt: `Held-out loss of ${kind} ensembles over the tenant's weight, a line a size ratio`,
      svg: lineChart({
        title: `${kind}: held-out loss by the tenant's weight`,
        x: "the tenant's weight",
        y: 'nats a token',
        series: curves
          .filter((curve) => curve.kind === kind)
          .map(({ exact, bySeed }) => ({
            name: `1 : ${exact.toFixed(1)}`,
            points: weights.map((weight, w) => [weight, meanOf(bySeed.map((losses) => losses[w])).mean] as const),
          })),
      }),
    })),
    finding:
      `Over the four sizes collaboration gains ${formatEstimate(meanGain('diffusion'))} nats over the better of core and tenant for ` +
      `diffusion, and ${formatEstimate(meanGain('AR'))} for AR.`,
    data: { weights, curves },
  };
}

/** How much lower the best weight's loss is than the lower of both ends. */
function count(value: number): string {
  return value.toLocaleString('en');
}

function gain(losses: readonly number[]): number {
  return Math.min(losses[0], losses[losses.length - 1]) - Math.min(...losses);
}

function indexOfLeast(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}

async function diffusionLosses(lab: Lab, big: Trained, small: Trained): Promise<number[]> {
  if (!isDiffusion(big.model) || !isDiffusion(small.model)) throw new TypeError('not diffusion models');
  const { tokens } = await lab.corpus('contact-center', 'valid');
  lab.progress('measuring the ensemble');
  const { evaluations } = await denoisingLoss({ tokens }, big.model, small.model, { weights, seed: 77, batches });
  return evaluations.map(({ overall }) => overall.mean);
}

async function autoregressiveLosses(lab: Lab, big: Trained, small: Trained): Promise<number[]> {
  if (!isAutoregressive(big.model) || !isAutoregressive(small.model)) throw new TypeError('not autoregressive models');
  const { tokens } = await lab.corpus('contact-center', 'valid');
  lab.progress('measuring the ensemble');
  const losses = await nextTokenLoss([big.model, small.model], tokens, weights, { windows: 24 });
  return losses.map(({ mean }) => mean);
}
