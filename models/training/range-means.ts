import { z } from 'zod';

/** Number of equal ranges of t that losses are told apart by. */
export const rangeCount = 5;

/** The range, from 0, of a timestep in (0, 1]. */
export function rangeOf(t: number): number {
  return Math.min(rangeCount - 1, Math.ceil(t * rangeCount) - 1);
}

/** "0.2-0.4" */
export function rangeLabel(range: number): string {
  return `${(range / rangeCount).toFixed(1)}-${((range + 1) / rangeCount).toFixed(1)}`;
}

/** JSON has no NaN. */
const sum = z.number().nullable();
const count = z.int().nonnegative();

/** What the means are of, so that they can be kept and gone on with; exact, as JSON's numbers are float64. */
export const rangeSumsSchema = z.object({
  sum,
  count,
  sums: z.array(sum).length(rangeCount),
  counts: z.array(count).length(rangeCount),
});
export type RangeSums = z.infer<typeof rangeSumsSchema>;

/** Means of losses by fifth of t, and over all. */
export class RangeMeans {
  readonly #sums = new Float64Array(rangeCount);
  readonly #counts = new Float64Array(rangeCount);
  #sum = 0;
  #count = 0;

  constructor(start?: RangeSums) {
    if (!start) return;
    this.#sums.set(start.sums.map((value) => value ?? Number.NaN));
    this.#counts.set(start.counts);
    this.#sum = start.sum ?? Number.NaN;
    this.#count = start.count;
  }

  /**
   * @param losses one a row, in nats
   * @param weights rows of weight 0 do not count; the others count alike
   * @param timesteps of each row, in (0, 1]; without them there is only the mean over all
   */
  add(losses: Float32Array, weights: Float32Array, timesteps?: Float32Array): void {
    losses.forEach((loss, row) => {
      if (weights[row] === 0) return;
      this.#sum += loss;
      this.#count++;
      if (!timesteps) return;
      const range = rangeOf(timesteps[row]);
      this.#sums[range] += loss;
      this.#counts[range]++;
    });
  }

  get state(): RangeSums {
    return { sum: this.#sum, count: this.#count, sums: [...this.#sums], counts: [...this.#counts] };
  }

  /** The mean of each range, t in (0, 0.2] first; NaN where it saw nothing. */
  get byRange(): number[] {
    return Array.from(this.#sums, (sum, range) => sum / this.#counts[range]);
  }

  get overall(): number {
    return this.#sum / this.#count;
  }
}
