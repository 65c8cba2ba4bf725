import { type RuntimeOptions, Session } from '../runtime/session.ts';
import type { NetworkConfig } from '../ssd2/config.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { lossGraph } from '../training/gradient-graph.ts';
import type { Objective } from '../training/objectives/objective.ts';
import { type RangedLoss, RangeEstimates } from './range-estimates.ts';

/** The loss of what an objective trains for, over its batches 0 .. count - 1; intervals over rows of `cluster` each. */
export async function objectiveLoss(
  config: NetworkConfig,
  weights: Weights,
  objective: Objective,
  count: number,
  cluster: number,
  runtime?: RuntimeOptions,
): Promise<RangedLoss> {
  const sessions = new Map<string, Session>();
  const estimates = new RangeEstimates();
  const parameters = Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
  for (let n = 0; n < count; n++) {
    const { variant, feeds, weights: counted, timesteps } = objective.batch(n);
    const session = sessions.get(variant) ?? (await Session.create(lossGraph(config, objective, variant), runtime));
    sessions.set(variant, session);
    const { losses } = await session.run({ ...parameters, ...feeds });
    estimates.add(losses, cluster, counted, timesteps);
  }
  for (const session of sessions.values()) await session.release();
  return estimates.result;
}
