import { noiseLanes } from '../../data/sequences.ts';
import type { DiffusionConfig } from '../../ssd2/config.ts';
import { noiseSimplex } from '../../ssd2/simplex.ts';

const golden = (Math.sqrt(5) - 1) / 2;

/**
 * The timestep of a batch's i-th noised block, spread evenly over the range from a random start: the loss varies less
 * between steps than with independent ones.
 */
export function spreadTimestep([from, to]: readonly [number, number], start: number, i: number): number {
  return to - ((start + golden * i) % 1) * (to - from);
}

/** Noised rows being filled: x_t, its target, position and timestep. */
export class NoisedRows {
  readonly x: Float32Array;
  readonly targets: BigInt64Array;
  readonly positions: BigInt64Array;
  readonly timesteps: Float32Array;
  readonly weights: Float32Array;
  readonly #config: DiffusionConfig;

  constructor(config: DiffusionConfig, rows: number) {
    this.#config = config;
    this.x = new Float32Array(rows * config.vocabulary);
    this.targets = new BigInt64Array(rows);
    this.positions = new BigInt64Array(rows);
    this.timesteps = new Float32Array(rows);
    this.weights = new Float32Array(rows);
  }

  set(row: number, target: number, position: number, t: number, counts: boolean, seed: number, batch: number): void {
    const { vocabulary, simplex } = this.#config;
    this.targets[row] = BigInt(target);
    this.positions[row] = BigInt(position);
    this.timesteps[row] = t;
    this.weights[row] = counts ? 1 : 0;
    const address = { seed, lane: noiseLanes.noise, block: 0, step: batch, position: row };
    noiseSimplex([target], t, simplex, address, this.x.subarray(row * vocabulary, (row + 1) * vocabulary));
  }
}
