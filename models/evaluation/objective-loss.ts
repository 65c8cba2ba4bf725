import type { NetworkConfig } from '../ssd2/config.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { parameterSpecs } from '../ssd2/parameters.ts';
import { ObjectiveLosses } from '../training/objective-losses.ts';
import type { Objective } from '../training/objectives/objective.ts';
import { type RangedLoss, RangeEstimates } from './range-estimates.ts';

/** The loss of what an objective trains for, over its batches 0 .. count - 1; intervals over rows of `cluster` each. */
export async function objectiveLoss(
  config: NetworkConfig,
  weights: Weights,
  objective: Objective,
  count: number,
  cluster: number,
): Promise<RangedLoss> {
  const losses = new ObjectiveLosses(parameterSpecs(config), objective);
  const estimates = new RangeEstimates();
  for await (const batch of losses.of(weights, count)) {
    estimates.add(batch.losses, cluster, batch.weights, batch.timesteps);
  }
  await losses.release();
  return estimates.result;
}
