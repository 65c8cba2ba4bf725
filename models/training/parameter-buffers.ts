import { totalmem } from 'node:os';
import type { Tensor, Tensors } from '../checkpoint/safetensors.ts';
import { noiseLanes } from '../data/sequences.ts';
import type { TokenSequence } from '../data/token-store.ts';
import { tokenCounts } from '../data/token-store.ts';
import { gaussianRow } from '../ssd2/noise.ts';
import type { ParameterSpec } from '../ssd2/parameters.ts';

/** What a training run keeps from step to step: a number a parameter of each. */
export const bufferNames = ['weights', 'secondMoments', 'directions', 'lags'] as const;

const alignment = 16;
/** Of all buffers, gradients included. */
const bytesPerParameter = 16;

/** Lags are kept this much larger, where float16 is at its finest for them. */
export const lagScale = 1024;

/**
 * Parameters laid end to end in one buffer a kind, so that the optimiser walks memory once and a tensor is a view.
 * Parameters with weight decay come first. 16 bytes a parameter in all: what changes slowly and needs its digits is
 * float32, and what is a small difference or a ratio near 1 is float16.
 */
export class ParameterBuffers {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Float32Array;
  readonly gradients: Float32Array;
  /** AdamW's v, of the clipped gradients' squares. */
  readonly secondMoments: Float32Array;
  /** AdamW's m / (sqrt(v) + epsilon). */
  readonly directions: Float16Array;
  /** The exponential moving average of the weights less the weights, times lagScale. */
  readonly lags: Float16Array;
  /** Where the parameters without weight decay begin. */
  readonly decayEnd: number;
  readonly #slots: readonly { name: string; shape: readonly number[]; start: number; end: number }[];

  /** @param specs those with weight decay first */
  constructor(specs: readonly ParameterSpec[]) {
    this.specs = specs;
    let size = 0;
    let decayEnd = 0;
    this.#slots = specs.map(({ name, shape, decay }) => {
      const start = size;
      const end = start + shape.reduce((a, b) => a * b, 1);
      size = Math.ceil(end / alignment) * alignment;
      if (decay) decayEnd = size;
      return { name, shape, start, end };
    });
    this.decayEnd = decayEnd;
    if (size * bytesPerParameter > totalmem()) {
      const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
      throw new RangeError(
        `training ${size} parameters takes ${gigabytes(size * bytesPerParameter)}, this machine has ${gigabytes(totalmem())}`,
      );
    }
    this.weights = new Float32Array(size);
    this.gradients = new Float32Array(size);
    this.secondMoments = new Float32Array(size);
    this.directions = new Float16Array(size);
    this.lags = new Float16Array(size);
  }

  /** Of all buffers, gradients included. */
  get byteLength(): number {
    const buffers = [this.gradients, ...bufferNames.map((name) => this[name])];
    return buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
  }

  /** Views of one buffer's tensors, by parameter name. */
  views<T extends Float32Array | Float16Array>(buffer: T): Map<string, { shape: readonly number[]; data: T }> {
    return new Map(
      this.#slots.map(({ name, shape, start, end }) => [name, { shape, data: buffer.subarray(start, end) as T }]),
    );
  }

  /** The averaged weights: what a run is for. */
  averages(): Tensors {
    const weights = this.views(this.weights);
    return new Map(
      [...this.views(this.lags)].map(([name, { shape, data }]) => {
        const { data: weight } = weights.get(name) as Tensor;
        return [name, { shape, data: weight.map((value, i) => value + data[i] / lagScale) }];
      }),
    );
  }

  /** Fresh weights, as parameterSpecs says, from a seed and the training text, whose token frequencies are the prior. */
  initialise(seed: number, tokens: TokenSequence): void {
    const views = this.views(this.weights);
    this.specs.forEach(({ name, shape, initial }, index) => {
      const data = views.get(name)?.data as Float32Array;
      if ('constant' in initial) data.fill(initial.constant);
      else if ('logPrior' in initial) data.set(logFrequencies(tokens, shape[0]));
      else if ('copyOf' in initial) data.set(views.get(initial.copyOf)?.data as Float32Array);
      else {
        gaussianRow({ seed, lane: noiseLanes.weights, block: 0, step: 0, position: index }, data);
        for (let i = 0; i < data.length; i++) data[i] *= initial.deviation;
      }
    });
  }

  /** Takes over trained weights; what is set from the data stays this run's own. */
  startFrom(weights: Tensors): void {
    const fixed = this.specs.filter((spec) => spec.fixed);
    const views = this.views(this.weights);
    const own = fixed.map(({ name }) => views.get(name)?.data.slice() as Float32Array);
    this.load(this.weights, weights);
    fixed.forEach(({ name }, i) => {
      views.get(name)?.data.set(own[i]);
    });
  }

  /** Copies tensors into one buffer; throws when one is missing or has another shape. */
  load(buffer: Float32Array | Float16Array, tensors: Tensors, prefix = ''): void {
    for (const [name, { shape, data }] of this.views(buffer)) {
      const tensor = tensors.get(prefix + name);
      if (!tensor) throw new Error(`tensor ${prefix}${name} is missing`);
      if (String(tensor.shape) !== String(shape)) {
        throw new Error(`tensor ${prefix}${name} has shape [${tensor.shape}], the model's is [${shape}]`);
      }
      data.set(tensor.data);
    }
  }
}

/** The logarithm of each token's share of a text; a token that does not occur counts half. */
export function logFrequencies(tokens: TokenSequence, vocabulary: number): Float32Array {
  const counts = tokenCounts(tokens, vocabulary);
  return Float32Array.from(counts, (count) => Math.log((count + 0.5) / (tokens.length + vocabulary / 2)));
}
