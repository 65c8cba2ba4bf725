import { noiseLanes } from '../data/sequences.ts';
import { uniform } from '../ssd2/noise.ts';

/** A mean with its 95 % confidence interval, mean - margin .. mean + margin. */
export interface Estimate {
  readonly mean: number;
  /** NaN when one cluster was all there was. */
  readonly margin: number;
}

/** The normal distribution's 97.5 % point. */
const z = 1.96;

/**
 * The mean of values that come in clusters (the tokens of a sequence), which are not independent of each other: the
 * ratio estimator of sampling theory, sum of sums over sum of counts, and its linearised standard error.
 */
export class ClusterMean {
  readonly #clusters: { sum: number; count: number }[] = [];

  add(sum: number, count: number): void {
    if (count > 0) this.#clusters.push({ sum, count });
  }

  get estimate(): Estimate {
    const n = this.#clusters.length;
    const total = this.#clusters.reduce((a, { count }) => a + count, 0);
    const mean = this.#clusters.reduce((a, { sum }) => a + sum, 0) / total;
    const squares = this.#clusters.reduce((a, { sum, count }) => a + (sum - mean * count) ** 2, 0);
    return { mean, margin: (z * Math.sqrt((squares * n) / (n - 1))) / total };
  }
}

/** Two-sided 97.5 % points of Student's t by degrees of freedom, 1 first. */
const studentT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** The mean of a few independent numbers, such as one a seed, with Student's interval. */
export function meanOf(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((a, value) => a + (value - mean) ** 2, 0) / (n - 1);
  return { mean, margin: (studentT[n - 2] ?? z) * Math.sqrt(variance / n) };
}

/**
 * The 95 % interval of a statistic of independent items, by the percentiles of 2,000 resamplings with replacement.
 * The same items and seed give the same interval.
 */
export function bootstrapInterval<T>(
  items: readonly T[],
  statistic: (sample: readonly T[]) => number,
  seed = 0,
): [number, number] {
  return bootstrapIntervals(items, [statistic], seed)[0];
}

/** The same of several statistics at once. */
export function bootstrapIntervals<T>(
  items: readonly T[],
  statistics: readonly ((sample: readonly T[]) => number)[],
  seed = 0,
): [number, number][] {
  const resamplings = 2000;
  const values = statistics.map(() => new Float64Array(resamplings));
  for (let step = 0; step < resamplings; step++) {
    const sample = items.map((_, position) => {
      const draw = uniform({ seed, lane: noiseLanes.bootstrap, block: 0, step, position });
      return items[Math.floor(draw * items.length)];
    });
    statistics.forEach((statistic, i) => {
      values[i][step] = statistic(sample);
    });
  }
  return values.map((own) => {
    own.sort();
    return [own[Math.round(0.025 * (resamplings - 1))], own[Math.round(0.975 * (resamplings - 1))]];
  });
}

/**
 * A statistic of independent items with the jackknife's interval, from what it is without each. For statistics that items
 * drawn twice would distort, such as the number of different words.
 */
export function jackknife<T>(items: readonly T[], statistic: (some: readonly T[]) => number): Estimate {
  const without = items.map((_, left) => statistic(items.filter((_, i) => i !== left)));
  const mean = without.reduce((a, b) => a + b, 0) / items.length;
  const squares = without.reduce((a, value) => a + (value - mean) ** 2, 0);
  return { mean: statistic(items), margin: z * Math.sqrt((squares * (items.length - 1)) / items.length) };
}

/** "3.412 ± 0.021" */
export function formatEstimate({ mean, margin }: Estimate, digits = 3): string {
  return Number.isNaN(margin) ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${margin.toFixed(digits)}`;
}
