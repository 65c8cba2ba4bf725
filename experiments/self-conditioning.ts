import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import { GenerationBench } from './generation.ts';
import { baseModel, type Lab } from './lab.ts';
import { type Arm, describeDifference, lossTable, measureArm } from './losses.ts';
import { type Report, setupOf } from './report.ts';

const stepCounts = [8, 16, 64];

/** Of generated text, a number a seed. */
interface BySteps {
  readonly steps: number;
  readonly perplexity: number[];
  readonly distinct: number[];
}

/** The probability of self-conditioning in training, and how previous logits enter. */
export async function selfConditioning(lab: Lab): Promise<Report> {
  const domain = 'fairy-tales';
  const { steps } = lab;
  const bench = await GenerationBench.create(lab, domain);
  const arms = [
    ...[0, 0.25, 0.5, 0.75].map((p) => ({ name: `p = ${p}`, p, form: 'mean' as const })),
    { name: 'p = 0.5, separate', p: 0.5, form: 'separate' as const },
  ];
  const losses: Arm[] = [];
  const perplexities: { name: string; bySteps: BySteps[] }[] = [];
  for (const { name, p, form } of arms) {
    const model = { ...baseModel, selfConditioning: form };
    const trained = await lab.trainSeeds({ model, domain, steps, objective: { selfConditioning: p } });
    losses.push(await measureArm(lab, name, trained, domain));
    const bySteps = [];
    for (const count of stepCounts) {
      lab.progress(`generating: ${name}, ${count} steps`);
      const generated = [];
      for (const [i, one] of trained.entries()) {
        generated.push(await bench.diffusion(one, { steps: count, stopAt: 0.2, seed: lab.seeds[i] }));
      }
      bySteps.push({
        steps: count,
        perplexity: generated.map(({ logPerplexity }) => logPerplexity),
        distinct: generated.map(({ metrics }) => metrics.distinct[1]),
      });
    }
    perplexities.push({ name, bySteps });
  }
  await bench.release();
  const logOf = (name: string, count: number) => {
    const arm = perplexities.find((one) => one.name === name);
    return arm?.bySteps.find(({ steps }) => steps === count)?.perplexity ?? [];
  };
  const few = stepCounts[0];
  const gain = meanOf(logOf('p = 0.5', few).map((value, i) => value - logOf('p = 0', few)[i]));
  const form = meanOf(logOf('p = 0.5, separate', few).map((value, i) => value - logOf('p = 0.5', few)[i]));
  const stepsTable = (cell: (generated: BySteps) => string) =>
    table(
      ['', ...stepCounts.map(String)],
      perplexities.map(({ name, bySteps }) => [name, ...bySteps.map(cell)]),
    );
  return {
    title: '2. Self-conditioning',
    setup: setupOf(
      lab,
      domain,
      `${bench.prompts.length} prompts of held-out text, 50 tokens each, timesteps above 0.2, top-p 0.9; perplexity under the shipped judge.`,
    ),
    tables: [
      { caption: 'Held-out cross-entropy without previous logits, nats a token:', markdown: lossTable(losses) },
      {
        caption: 'Log perplexity of generated text by number of timesteps, nats a token:',
        markdown: stepsTable(({ perplexity }) => formatEstimate(meanOf(perplexity), 2)),
      },
      {
        caption: 'Distinct-2 of the same text:',
        markdown: stepsTable(({ distinct }) => formatEstimate(meanOf(distinct), 3)),
      },
    ],
    charts: [
      {
        name: 'self-conditioning',
        alt: 'Perplexity over the number of timesteps, a line for each probability of self-conditioning',
        svg: lineChart({
          title: 'Log perplexity of generated text by timesteps',
          x: 'timesteps',
          y: 'log perplexity under the judge',
          logarithmicX: true,
          series: perplexities.map(({ name, bySteps }) => ({
            name,
            points: bySteps.map(({ steps: count, perplexity }) => [count, meanOf(perplexity).mean] as const),
            margins: bySteps.map(({ perplexity }) => meanOf(perplexity).margin),
          })),
        }),
      },
    ],
    finding:
      `At ${few} timesteps the log perplexity of p = 0.5 is ${describeDifference(gain)} against p = 0, and that of a separate ` +
      `layer ${describeDifference(form)} against the shared one.`,
    data: { losses, perplexities },
  };
}
