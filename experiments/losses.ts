import { objectiveLoss } from '../models/evaluation/objective-loss.ts';
import { positionLosses } from '../models/evaluation/position-posterior.ts';
import { type Estimate, formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import type { NetworkConfig } from '../models/ssd2/config.ts';
import type { Objective } from '../models/training/objectives/objective.ts';
import { recipeObjective } from '../models/training/objectives/recipe-objective.ts';
import { RangeMeans, rangeCount, rangeLabel } from '../models/training/range-means.ts';
import { baseBatch, type Domain, type Lab, type Trained } from './lab.ts';

/** Held-out loss of one model: the means by fifth of t, and over all. */
export interface HeldOut {
  readonly byRange: readonly number[];
  readonly overall: number;
}

const batches = 24;
/** Every model sees the same held-out text, timesteps and noise. */
const seed = 77;

export function heldOutObjective(config: NetworkConfig, tokens: Uint16Array): Objective {
  const objective = { timesteps: [0, 1] as [number, number], selfConditioning: 0, nextTokenWeight: 0 };
  return recipeObjective({ model: config, batch: baseBatch, objective }, { tokens }, seed);
}

/**
 * The held-out loss of what the model is trained for, in its own layout, without previous logits. SSD-LM's layout draws
 * other blocks of the text than SSD-2's: what those cost by Bayes' rule on x_t alone, which needs no model, is taken off
 * and the cost of SSD-2's blocks put in its place (a control variate).
 */
export async function heldOut(lab: Lab, { model }: Trained, domain: Domain): Promise<HeldOut> {
  const { tokens } = await lab.corpus(domain, 'valid');
  const made = heldOutObjective(model.config, tokens);
  const { byRange, overall } = await objectiveLoss(model.config, model.weights, made, batches, made.rows);
  const loss = { byRange: byRange.map(({ mean }) => mean), overall: overall.mean };
  if (model.config.kind !== 'ssd2' || model.config.contextMask !== 'full') return loss;
  const prior = model.weights.get('prior')?.data as Float32Array;
  const own = ownPosterior(made, prior);
  const usual = ownPosterior(heldOutObjective({ ...model.config, contextMask: 'causal' }, tokens), prior);
  return {
    byRange: loss.byRange.map((value, range) => value - own.byRange[range] + usual.byRange[range]),
    overall: loss.overall - own.overall + usual.overall,
  };
}

/** The loss of each position's own posterior on an objective's batches. */
export function ownPosterior(objective: Objective, prior: Float32Array, count = batches): HeldOut {
  const means = new RangeMeans();
  for (let n = 0; n < count; n++) {
    const { feeds, weights, timesteps } = objective.batch(n);
    means.add(positionLosses(feeds, prior), weights, timesteps);
  }
  return { byRange: means.byRange, overall: means.overall };
}

export interface Arm {
  readonly name: string;
  /** One a seed. */
  readonly losses: readonly HeldOut[];
}

/** Measures the models of an arm, one a seed; `seconds` is the mean of their training. */
export async function measureArm(
  lab: Lab,
  name: string,
  trained: readonly Trained[],
  domain: Domain,
): Promise<Arm & { readonly seconds: number }> {
  const losses: HeldOut[] = [];
  for (const one of trained) losses.push(await heldOut(lab, one, domain));
  return { name, losses, seconds: meanOf(trained.map(({ seconds }) => seconds)).mean };
}

/** Mean over seeds with Student's interval. */
export function overSeeds(arm: Arm, pick: (loss: HeldOut) => number): Estimate {
  return meanOf(arm.losses.map(pick));
}

/** Ranges of t that are told apart: the first, where x_t gives the token away, is left out. */
const shown = Array.from({ length: rangeCount - 1 }, (_, i) => i + 1);

export function lossTable(arms: readonly Arm[]): string {
  return table(
    ['', ...shown.map((range) => `t ${rangeLabel(range)}`), 'all'],
    arms.map((arm) => [
      arm.name,
      ...shown.map((range) => formatEstimate(overSeeds(arm, ({ byRange }) => byRange[range]))),
      formatEstimate(overSeeds(arm, ({ overall }) => overall)),
    ]),
  );
}

/** The difference of two arms seed by seed, a - b; negative where a is better. */
export function difference(a: Arm, b: Arm): Estimate {
  return meanOf(a.losses.map(({ overall }, i) => overall - b.losses[i].overall));
}

/** "lower by 0.012 ± 0.004 nats", or that the interval holds 0. */
export function describeDifference({ mean, margin }: Estimate, unit = 'nats a token'): string {
  const size = `${Math.abs(mean).toFixed(3)} ± ${margin.toFixed(3)} ${unit}`;
  if (Math.abs(mean) <= margin) return `not told apart (difference ${mean.toFixed(3)} ± ${margin.toFixed(3)} ${unit})`;
  return `${mean < 0 ? 'lower' : 'higher'} by ${size}`;
}
