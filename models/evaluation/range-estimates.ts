import { rangeCount, rangeOf } from '../training/range-means.ts';
import { ClusterMean, type Estimate } from './statistics.ts';

export interface RangedLoss {
  readonly overall: Estimate;
  /** By fifth of t, (0, 0.2] first. */
  readonly byRange: readonly Estimate[];
}

/** Estimates by fifth of t and over all, so many rows a cluster. */
export class RangeEstimates {
  readonly #overall = new ClusterMean();
  readonly #ranges = Array.from({ length: rangeCount }, () => new ClusterMean());

  /** @param weights rows of weight 0 do not count */
  add(losses: Float32Array, cluster: number, weights?: Float32Array, timesteps?: Float32Array): void {
    for (let start = 0; start < losses.length; start += cluster) {
      const sums = new Float64Array(rangeCount + 1);
      const counts = new Float64Array(rangeCount + 1);
      for (let row = start; row < Math.min(start + cluster, losses.length); row++) {
        if (weights && weights[row] === 0) continue;
        for (const at of timesteps ? [rangeOf(timesteps[row]), rangeCount] : [rangeCount]) {
          sums[at] += losses[row];
          counts[at]++;
        }
      }
      this.#ranges.forEach((mean, range) => {
        mean.add(sums[range], counts[range]);
      });
      this.#overall.add(sums[rangeCount], counts[rangeCount]);
    }
  }

  get result(): RangedLoss {
    return { overall: this.#overall.estimate, byRange: this.#ranges.map(({ estimate }) => estimate) };
  }
}
