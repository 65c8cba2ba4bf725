/** Number of equal ranges of t that losses are told apart by. */
export const rangeCount = 5;

/** Means of losses by fifth of t, and over all. */
export class RangeMeans {
  readonly #sums = new Float64Array(rangeCount);
  readonly #counts = new Float64Array(rangeCount);

  /** @param losses one a row, in nats; timesteps likewise, in (0, 1] */
  add(losses: Float32Array, timesteps: Float32Array): void {
    losses.forEach((loss, row) => {
      const range = Math.min(rangeCount - 1, Math.ceil(timesteps[row] * rangeCount) - 1);
      this.#sums[range] += loss;
      this.#counts[range]++;
    });
  }

  /** The mean of each range, t in (0, 0.2] first; NaN where it saw nothing. */
  get byRange(): number[] {
    return Array.from(this.#sums, (sum, range) => sum / this.#counts[range]);
  }

  get overall(): number {
    const total = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    return total(this.#sums) / total(this.#counts);
  }
}
