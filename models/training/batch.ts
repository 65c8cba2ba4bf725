import type { TensorData } from '../graph/index.ts';
import type { ModelConfig } from '../ssd2/config.ts';
import { masked } from '../ssd2/layout.ts';
import { uniform } from '../ssd2/noise.ts';
import { noiseSimplex } from '../ssd2/simplex.ts';
import type { BatchShape } from './training-graph.ts';

/** What sequenceLogits' graphs are fed, and the timestep of each row. */
export interface Batch {
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly timesteps: Float32Array;
}

/** Lanes of the noise that training uses, apart from each other and from generation's small numbers. */
const lanes = { order: 2 ** 31, batch: 2 ** 31 + 1, noise: 2 ** 31 + 2 };

/**
 * Batches of a corpus by number: batch n is a pure function of the corpus, the seed and n, so that a resumed run sees
 * what an uninterrupted one would. Windows are drawn without replacement, an epoch at a time.
 */
export class BatchSource {
  readonly #tokens: Uint16Array;
  readonly #config: ModelConfig;
  readonly #shape: BatchShape;
  readonly #seed: number;
  readonly #timesteps: readonly [number, number];
  readonly #windowLength: number;
  readonly #windows: number;
  #order: { epoch: number; windows: Uint32Array } | undefined;

  constructor(
    tokens: Uint16Array,
    config: ModelConfig,
    shape: BatchShape,
    seed: number,
    timesteps: readonly [number, number] = [0, 1],
  ) {
    this.#timesteps = timesteps;
    this.#tokens = tokens;
    this.#config = config;
    this.#shape = shape;
    this.#seed = seed;
    this.#windowLength = (shape.blocks + 1) * config.block;
    this.#windows = Math.floor(tokens.length / this.#windowLength) - 1;
    if (this.#windows < 1) {
      throw new RangeError(`${tokens.length} tokens are too few: a sequence takes ${this.#windowLength}, twice over`);
    }
  }

  /** Batches an epoch. */
  get length(): number {
    return Math.floor(this.#windows / this.#shape.sequences);
  }

  /** Whether batch n is trained with previous logits, with this probability. */
  conditioned(n: number, probability: number): boolean {
    return this.#uniform(n, 0) < probability;
  }

  batch(n: number): Batch {
    const { block, vocabulary, simplex } = this.#config;
    const { sequences, blocks } = this.#shape;
    const length = blocks * block;
    const rows = sequences * length;
    const contextTokens = new BigInt64Array(rows);
    const contextPositions = new BigInt64Array(rows);
    const contextTargets = new BigInt64Array(rows);
    const contextWeights = new Float32Array(rows);
    const padding = new Float32Array(rows);
    const targets = new BigInt64Array(rows);
    const positions = new BigInt64Array(rows);
    const timesteps = new Float32Array(rows);
    const x = new Float32Array(rows * vocabulary);
    // Timesteps spread evenly over the batch from a random start: the loss varies less between steps.
    const timestepStart = this.#uniform(n, 1);
    const golden = (Math.sqrt(5) - 1) / 2;
    for (let sequence = 0; sequence < sequences; sequence++) {
      const remainder = 1 + Math.floor(this.#uniform(n, 2 + 2 * sequence) * block);
      const pad = block - remainder;
      const start = this.#windowStart(n, sequence) - pad;
      for (let i = 0; i < length; i++) {
        const row = sequence * length + i;
        if (i < pad) padding[row] = masked;
        else {
          contextTokens[row] = BigInt(this.#tokens[start + i]);
          contextPositions[row] = BigInt(i - pad);
          contextTargets[row] = BigInt(this.#tokens[start + i + 1]);
          contextWeights[row] = 1;
        }
        const target = this.#tokens[start + block + i];
        targets[row] = BigInt(target);
        positions[row] = BigInt(block + i - pad);
        const fraction = (timestepStart + golden * (sequence * blocks + Math.floor(i / block))) % 1;
        const t = this.#timesteps[1] - fraction * (this.#timesteps[1] - this.#timesteps[0]);
        timesteps[row] = t;
        const address = { seed: this.#seed, lane: lanes.noise, block: 0, step: n, position: row };
        noiseSimplex([target], t, simplex, address, x.subarray(row * vocabulary, (row + 1) * vocabulary));
      }
    }
    const context = { contextTokens, contextPositions, contextTargets, contextWeights, padding };
    return { feeds: { ...context, targets, positions, timesteps, x }, timesteps };
  }

  #windowStart(n: number, sequence: number): number {
    const epoch = Math.floor(n / this.length);
    if (this.#order?.epoch !== epoch) this.#order = { epoch, windows: this.#shuffledWindows(epoch) };
    const window = this.#order.windows[(n % this.length) * this.#shape.sequences + sequence];
    const shift = Math.floor(this.#uniform(n, 3 + 2 * sequence) * this.#windowLength);
    return window * this.#windowLength + shift;
  }

  #shuffledWindows(epoch: number): Uint32Array {
    const order = Uint32Array.from({ length: this.#windows }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const address = { seed: this.#seed, lane: lanes.order, block: 0, step: epoch, position: i };
      const j = Math.floor(uniform(address) * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  #uniform(n: number, position: number): number {
    return uniform({ seed: this.#seed, lane: lanes.batch, block: 0, step: n, position });
  }
}
