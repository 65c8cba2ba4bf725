import type { Tensors } from '../checkpoint/safetensors.ts';
import type { ModelConfig } from '../ssd2/config.ts';
import { gaussianRow } from '../ssd2/noise.ts';
import { parameterSpecs } from '../ssd2/parameters.ts';

/** Everything a training run keeps a number a parameter of. */
export const bufferNames = ['weights', 'firstMoments', 'secondMoments', 'averages'] as const;

const alignment = 16;

/**
 * Parameters laid end to end in one buffer a kind, so that the optimiser walks memory once and a tensor is a view.
 * Parameters with weight decay come first.
 */
export class ParameterBuffers {
  readonly config: ModelConfig;
  readonly weights: Float32Array;
  readonly gradients: Float32Array;
  readonly firstMoments: Float32Array;
  readonly secondMoments: Float32Array;
  /** The exponential moving average of the weights. */
  readonly averages: Float32Array;
  /** Where the parameters without weight decay begin. */
  readonly decayEnd: number;
  readonly #slots: readonly { name: string; shape: readonly number[]; start: number; end: number }[];

  constructor(config: ModelConfig) {
    this.config = config;
    let size = 0;
    let decayEnd = 0;
    this.#slots = parameterSpecs(config).map(({ name, shape, decay }) => {
      const start = size;
      const end = start + shape.reduce((a, b) => a * b, 1);
      size = Math.ceil(end / alignment) * alignment;
      if (decay) decayEnd = size;
      return { name, shape, start, end };
    });
    this.decayEnd = decayEnd;
    this.weights = new Float32Array(size);
    this.gradients = new Float32Array(size);
    this.firstMoments = new Float32Array(size);
    this.secondMoments = new Float32Array(size);
    this.averages = new Float32Array(size);
  }

  /** Views of one buffer's tensors, by parameter name. */
  views(buffer: Float32Array): Map<string, { shape: readonly number[]; data: Float32Array }> {
    return new Map(
      this.#slots.map(({ name, shape, start, end }) => [name, { shape, data: buffer.subarray(start, end) }]),
    );
  }

  /** Fresh weights, as parameterSpecs says, from a seed and the training text, whose token frequencies are the prior. */
  initialise(seed: number, tokens: Uint16Array): void {
    const views = this.views(this.weights);
    parameterSpecs(this.config).forEach(({ name, initial }, index) => {
      const data = views.get(name)?.data as Float32Array;
      if ('constant' in initial) data.fill(initial.constant);
      else if ('logPrior' in initial) data.set(logFrequencies(tokens, data.length));
      else if ('copyOf' in initial) data.set(views.get(initial.copyOf)?.data as Float32Array);
      else {
        gaussianRow({ seed, lane: 0, block: 0, step: 0, position: index }, data);
        for (let i = 0; i < data.length; i++) data[i] *= initial.deviation;
      }
    });
    this.averages.set(this.weights);
  }

  /** Copies tensors into one buffer; throws when one is missing or has another shape. */
  load(buffer: Float32Array, tensors: Tensors, prefix = ''): void {
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
function logFrequencies(tokens: Uint16Array, vocabulary: number): Float32Array {
  const counts = new Float64Array(vocabulary).fill(0.5);
  for (const token of tokens) counts[token]++;
  return Float32Array.from(counts, (count) => Math.log(count / (tokens.length + vocabulary / 2)));
}
