import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { GenerationBench } from './generation.ts';
import { baseModel, type Lab, type Trained } from './lab.ts';
import { type HeldOut, heldOut } from './losses.ts';
import { type Report, setupOf } from './report.ts';

const ranges = [
  [0.4, 0.6],
  [0.6, 0.8],
  [0.8, 1],
] as const;

/** Models trained further on one range of timesteps each, against the general one trained further as long on all. */
export async function specialists(lab: Lab): Promise<Report> {
  const domain = 'fairy-tales';
  const further = Math.round(lab.steps / 2);
  const common = { model: baseModel, domain, learningRate: 0.001 } as const;
  const bench = await GenerationBench.create(lab, domain);
  const general: number[][] = [];
  const special: number[][] = [];
  const quality: { general: number[]; special: number[] } = { general: [], special: [] };
  for (const seed of lab.seeds) {
    const base = await lab.train({
      ...common,
      learningRate: 0.003,
      seed,
      steps: lab.steps,
      objective: { selfConditioning: 0.5 },
    });
    const onward = (timesteps: readonly [number, number]) =>
      lab.train({
        ...{ ...common, seed: seed + 100, steps: further, from: base },
        objective: { selfConditioning: 0.5, timesteps: [...timesteps] },
      });
    const all = await onward([0, 1]);
    const trained: Trained[] = [];
    for (const range of ranges) trained.push(await onward(range));
    const whole = await heldOut(lab, all, domain);
    const own: HeldOut[] = [];
    for (const one of trained) own.push(await heldOut(lab, one, domain));
    general.push(ranges.map((_, i) => whole.byRange[i + 2]));
    special.push(ranges.map((_, i) => own[i].byRange[i + 2]));
    lab.progress(`generating: specialists, seed ${seed}`);
    const options = { steps: 64, stopAt: 0.4, seed };
    const routes = [
      { from: 0, to: 0.4, model: all },
      ...ranges.map(([from, to], i) => ({ from, to, model: trained[i] })),
    ];
    quality.general.push((await bench.diffusion(all, options)).logPerplexity);
    quality.special.push((await bench.diffusion(all, { ...options, routes })).logPerplexity);
  }
  await bench.release();
  const differences = ranges.map((_, range) => meanOf(special.map((losses, i) => losses[range] - general[i][range])));
  const text = meanOf(quality.special.map((value, i) => value - quality.general[i]));
  const column = (losses: number[][], range: number) => formatEstimate(meanOf(losses.map((seed) => seed[range])));
  return {
    title: '5. Specialists against the general model',
    setup: setupOf(
      lab,
      domain,
      `Each then goes on for ${further} steps, on all timesteps or on one range only. Three specialists together have had three times the further training.`,
    ),
    tables: [
      {
        caption: 'Held-out cross-entropy in the range, nats a token:',
        markdown: table(
          ['', 'general', 'specialist', 'difference'],
          ranges.map(([from, to], i) => [
            `t ${from.toFixed(1)}-${to.toFixed(1)}`,
            column(general, i),
            column(special, i),
            formatEstimate(differences[i]),
          ]),
        ),
      },
      {
        caption: 'Log perplexity of generated text, 64 timesteps to t = 0.4, nats a token:',
        markdown: table(
          ['', 'log perplexity'],
          [
            ['general', formatEstimate(meanOf(quality.general), 2)],
            ['specialists, routed', formatEstimate(meanOf(quality.special), 2)],
          ],
        ),
      },
    ],
    charts: [],
    finding:
      `In its range a specialist differs from the general model by ${differences.map((one) => formatEstimate(one)).join(', ')} nats ` +
      `(t 0.4-0.6, 0.6-0.8, 0.8-1), and routing changes log perplexity by ${formatEstimate(text)}.`,
    data: { general, special, quality },
  };
}
