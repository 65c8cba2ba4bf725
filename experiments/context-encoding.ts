import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import type { DiffusionConfig } from '../models/ssd2/config.ts';
import { parameterSpecs } from '../models/ssd2/parameters.ts';
import { recipeObjective } from '../models/training/objectives/recipe-objective.ts';
import { ParameterBuffers } from '../models/training/parameter-buffers.ts';
import { TrainingStepper } from '../models/training/training-stepper.ts';
import { baseModel, type Lab, recipeOf } from './lab.ts';
import { describeDifference, difference, lossTable, measureArm } from './losses.ts';
import { type Report, setupOf } from './report.ts';

const timedSteps = 30;

/** Context by mask, every block of a sequence at once, against SSD-LM's one block a sequence: speed, and loss at equal time. */
export async function contextEncoding(lab: Lab): Promise<Report> {
  const domain = 'fairy-tales';
  const full = { ...baseModel, contextMask: 'full' as const };
  const { tokens } = await lab.corpus(domain, 'train');
  const speeds = { mask: [] as number[], layout: [] as number[] };
  // Turn by turn, so that whatever else the machine does falls on both.
  for (const seed of lab.seeds) {
    speeds.mask.push(await tokensPerSecond(baseModel, tokens, seed));
    speeds.layout.push(await tokensPerSecond(full, tokens, seed));
  }
  const ratio = meanOf(speeds.mask).mean / meanOf(speeds.layout).mean;
  const plain = { domain, objective: { selfConditioning: 0, nextTokenWeight: 0 } } as const;
  // To the ten, so that another timing seldom asks for another training.
  const fewer = Math.max(10, Math.round(lab.steps / ratio / 10) * 10);
  const arms = [];
  for (const { name, ...training } of [
    { name: 'by mask', model: baseModel, ...plain, steps: lab.steps },
    { name: `SSD-LM's layout, ${fewer} steps`, model: full, ...plain, steps: fewer },
  ]) {
    arms.push(await measureArm(lab, name, await lab.trainSeeds(training), domain));
  }
  return {
    title: "3. Context encoding by mask against SSD-LM's layout",
    setup: setupOf(
      lab,
      domain,
      'Neither is self-conditioned or has a next-token loss; SSD-LM gets the steps that the same time allows.',
    ),
    tables: [
      {
        caption: `Noised tokens trained a second, ${timedSteps} steps turn by turn:`,
        markdown: table(
          ['', 'tokens/s'],
          [
            ['by mask', formatEstimate(meanOf(speeds.mask), 0)],
            ["SSD-LM's layout", formatEstimate(meanOf(speeds.layout), 0)],
          ],
        ),
      },
      { caption: 'Held-out cross-entropy at equal time, nats a token:', markdown: lossTable(arms) },
    ],
    charts: [],
    finding:
      `Encoding the context by mask trains ${ratio.toFixed(2)} times the noised tokens a second, and at equal time its loss is ` +
      `${describeDifference(difference(arms[0], arms[1]))}.`,
    data: { speeds, arms },
  };
}

async function tokensPerSecond(model: DiffusionConfig, tokens: Uint16Array, seed: number): Promise<number> {
  const recipe = recipeOf({ model, seed, steps: timedSteps, objective: { nextTokenWeight: 0 } });
  const objective = recipeObjective(recipe, { tokens }, seed);
  const buffers = new ParameterBuffers(parameterSpecs(model));
  buffers.initialise(seed, tokens);
  const stepper = await TrainingStepper.create(recipe, objective, buffers);
  // Every context length once before the clock starts: each has a graph of its own to build.
  for (let step = 1; step <= timedSteps; step++) await stepper.step(step, 0.001);
  const started = performance.now();
  for (let step = 1; step <= timedSteps; step++) await stepper.step(step, 0.001);
  const seconds = (performance.now() - started) / 1000;
  await stepper.release();
  return (timedSteps * objective.rows) / seconds;
}
