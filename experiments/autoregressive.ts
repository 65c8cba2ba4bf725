import { NextToken } from '../models/autoregressive/next-token.ts';
import { isAutoregressive } from '../models/checkpoint/model-directory.ts';
import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { parameterCount, parameterSpecs } from '../models/ssd2/parameters.ts';
import { type Generated, GenerationBench } from './generation.ts';
import { autoregressive, autoregressiveTokensPerStep, baseModel, type Lab, tokensPerStep } from './lab.ts';
import { type Report, setupOf } from './report.ts';

/** SSD-2 against an autoregressive model of the same shape, trained on the same data for the same time. */
export async function againstAutoregressive(lab: Lab): Promise<Report> {
  const domain = 'fairy-tales';
  const bench = await GenerationBench.create(lab, domain);
  const model = autoregressive(baseModel);
  const diffusion: Generated[] = [];
  const next: Generated[] = [];
  const seconds: { diffusion: number[]; ar: number[] } = { diffusion: [], ar: [] };
  for (const seed of lab.seeds) {
    const ssd2 = await lab.train({
      model: baseModel,
      domain,
      seed,
      steps: lab.steps,
      objective: { selfConditioning: 0.5 },
    });
    const steps = Math.round((lab.steps * computeRatio()) / 10) * 10;
    const ar = await lab.train({ model, domain, seed, steps });
    seconds.diffusion.push(ssd2.seconds);
    seconds.ar.push(ar.seconds);
    if (!isAutoregressive(ar.model)) throw new TypeError('not an autoregressive model');
    lab.progress(`generating: seed ${seed}`);
    diffusion.push(await bench.diffusion(ssd2, { steps: 64, stopAt: 0.2, seed }));
    const sampler = new NextToken(ar.model);
    next.push(await bench.autoregressive([{ model: sampler, coefficient: 1 }], seed));
    await sampler.release();
  }
  await bench.release();
  const row = (name: string, generated: readonly Generated[], parameters: number) => {
    const over = (pick: (one: Generated) => number, digits = 3) => formatEstimate(meanOf(generated.map(pick)), digits);
    return [
      name,
      parameters.toLocaleString('en'),
      over(({ logPerplexity }) => logPerplexity, 2),
      ...[0, 1, 2].map((n) => over(({ metrics }) => metrics.distinct[n])),
      over(({ metrics }) => metrics.repetition),
      over(({ metrics }) => metrics.zipf),
      over(({ metrics }) => metrics.selfBleu),
      over(({ tokensPerSecond }) => tokensPerSecond, 0),
    ];
  };
  const change = meanOf(diffusion.map((one, i) => one.logPerplexity - next[i].logPerplexity));
  return {
    title: '7. SSD-2 against an autoregressive model',
    setup: setupOf(
      lab,
      domain,
      `The AR model of the same width and depth gets ${computeRatio().toFixed(1)} times the steps, of ${autoregressiveTokensPerStep.toLocaleString('en')} tokens, which is the same count ` +
        `of multiplications in training. SSD-2 decodes 64 timesteps to t = 0.2; AR encodes the whole text anew for each token, ` +
        `without a cache of keys, so that its tokens/s is a lower bound.`,
    ),
    tables: [
      {
        caption: `${bench.prompts.length} held-out prompts, 50 tokens each, top-p 0.9:`,
        markdown: table(
          ['', 'parameters', 'log perplexity', 'distinct-1', '-2', '-3', 'repetition', 'Zipf', 'self-BLEU', 'tokens/s'],
          [
            row('SSD-2', diffusion, parameterCount(parameterSpecs(baseModel))),
            row('AR', next, parameterCount(parameterSpecs(model))),
          ],
        ),
      },
    ],
    charts: [],
    finding: `Trained for the same compute, SSD-2's text has a log perplexity ${change.mean > 0 ? 'higher' : 'lower'} than AR's by ${formatEstimate({ ...change, mean: Math.abs(change.mean) })}.`,
    data: { diffusion, next, seconds },
  };
}

/**
 * Multiplications of a training step of SSD-2 over those of one of the AR model. Both streams of SSD-2 pass the layers and
 * a head, the noised one a simplex layer too, and with p = 0.5 every other step a forward pass, a third of a step, more.
 */
function computeRatio(): number {
  const { width, layers, feedForward, vocabulary } = baseModel;
  const perToken = layers * (4 * width * width + 2 * width * feedForward);
  const table = vocabulary * width;
  const noisedForward = perToken + 2 * table;
  const step = tokensPerStep * (perToken + table + noisedForward * (1 + 0.5 / 3));
  return step / (autoregressiveTokensPerStep * (perToken + table));
}
