import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import { type Generated, GenerationBench, type GenerationOptions } from './generation.ts';
import { baseModel, type Lab } from './lab.ts';
import { describeDifference } from './losses.ts';
import { type Report, setupOf } from './report.ts';

type Setting = { name: string; family: string } & Omit<GenerationOptions, 'seed'>;

/** Early stop, adaptive halting, and fewer timesteps: quality against the share of steps run. */
export async function halting(lab: Lab): Promise<Report> {
  const domain = 'fairy-tales';
  const trained = await lab.trainSeeds({
    ...{ model: baseModel, domain, steps: lab.steps, objective: { selfConditioning: 0.5 } },
  });
  const settings: Setting[] = [
    ...[8, 16, 32, 64, 128].map((steps) => ({ name: `${steps} timesteps`, family: 'timesteps', steps, stopAt: 0 })),
    ...[0.2, 0.4, 0.6].map((stopAt) => ({
      name: `64, stop at ${stopAt}`,
      family: 'early stop',
      steps: 64,
      stopAt,
    })),
    ...[2, 4, 8].map((patience) => ({
      ...{ name: `64, unchanged for ${patience}, entropy below 0.5`, family: 'adaptive' },
      ...{ steps: 64, stopAt: 0, patience, haltEntropy: 0.5 },
    })),
  ];
  const bench = await GenerationBench.create(lab, domain);
  const results: { setting: Setting; generated: Generated[] }[] = [];
  for (const setting of settings) {
    lab.progress(`generating: ${setting.name}`);
    const generated = [];
    for (const [i, model] of trained.entries()) {
      const { name, family, ...options } = setting;
      generated.push(await bench.diffusion(model, { ...options, seed: lab.seeds[i] }));
    }
    results.push({ setting, generated });
  }
  await bench.release();
  const over = (generated: readonly Generated[], pick: (one: Generated) => number) => meanOf(generated.map(pick));
  const perplexityOf = (one: Generated) => one.logPerplexity;
  const whole = results.find(({ setting }) => setting.steps === 64 && setting.family === 'timesteps')?.generated ?? [];
  const stopped = results.find(({ setting }) => setting.stopAt === 0.4)?.generated ?? [];
  const change = meanOf(stopped.map((one, i) => perplexityOf(one) - perplexityOf(whole[i])));
  const adaptive = results.filter(({ setting }) => setting.family === 'adaptive');
  const line = (family: string) => results.filter(({ setting }) => setting.family === family);
  return {
    title: '4. Early stop, adaptive halting, fewer steps',
    setup: setupOf(
      lab,
      domain,
      `Self-conditioning p = 0.5. ${bench.prompts.length} held-out prompts, 50 tokens each, top-p 0.9.`,
    ),
    tables: [
      {
        caption: 'Share of the steps run is of all N timesteps of a block:',
        markdown: table(
          ['', 'steps run', 'log perplexity', 'distinct-2', 'repetition', 'tokens/s'],
          results.map(({ setting, generated }) => [
            setting.name,
            `${(100 * over(generated, ({ stepShare }) => stepShare).mean).toFixed(0)} %`,
            formatEstimate(over(generated, perplexityOf), 2),
            formatEstimate(
              over(generated, ({ metrics }) => metrics.distinct[1]),
              3,
            ),
            formatEstimate(
              over(generated, ({ metrics }) => metrics.repetition),
              3,
            ),
            over(generated, ({ tokensPerSecond }) => tokensPerSecond).mean.toFixed(0),
          ]),
        ),
      },
    ],
    charts: [
      {
        name: 'halting',
        alt: 'Perplexity over the number of denoise steps run a block, for fewer timesteps, early stop and adaptive halting',
        svg: lineChart({
          title: 'Log perplexity by denoise steps run a block',
          x: 'steps run a block',
          y: 'log perplexity under the judge',
          logarithmicX: true,
          series: [...new Set(settings.map(({ family }) => family))].map((family) => ({
            name: family,
            points: line(family).map(
              ({ setting, generated }) =>
                [
                  setting.steps * over(generated, ({ stepShare }) => stepShare).mean,
                  over(generated, perplexityOf).mean,
                ] as const,
            ),
            margins: line(family).map(({ generated }) => over(generated, perplexityOf).margin),
          })),
        }),
      },
    ],
    finding:
      `Stopping at t = 0.4 runs ${(100 * over(stopped, ({ stepShare }) => stepShare).mean).toFixed(0)} % of the steps; its log ` +
      `perplexity is ${describeDifference(change)} against all of them. Adaptive halting runs ${adaptive.map(({ generated }) => `${(100 * over(generated, ({ stepShare }) => stepShare).mean).toFixed(0)} %`).join(', ')} ` +
      `of them for a patience of ${adaptive.map(({ setting }) => setting.patience).join(', ')}.`,
    data: results,
  };
}
