import { add, cast, div, Graph, mul, sqrt, sub } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { lagScale, type ParameterBuffers } from './parameter-buffers.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this Euclidean norm. */
  readonly clipNorm: number;
  readonly emaDecay: number;
}

const epsilon = 1e-8;
/** A run's worth of elements, so that what one node writes is still in cache when the next reads it. */
const chunk = 2 ** 17;

/**
 * AdamW (arXiv 1711.05101) with gradient clipping and a moving average of the weights, as an elementwise graph that
 * writes in place. That is safe because every node that reads a buffer is an ancestor of the one that overwrites it.
 */
export class AdamW {
  readonly #session: Session;
  readonly #buffers: ParameterBuffers;
  readonly #options: AdamWOptions;

  private constructor(session: Session, buffers: ParameterBuffers, options: AdamWOptions) {
    this.#session = session;
    this.#buffers = buffers;
    this.#options = options;
  }

  static async create(buffers: ParameterBuffers, options: AdamWOptions, runtime?: RuntimeOptions): Promise<AdamW> {
    return new AdamW(await Session.create(adamWGraph(), runtime), buffers, options);
  }

  /**
   * One update from the gradients in the buffers.
   *
   * @param step counts from 1
   * @returns the gradients' norm before clipping; when it is not finite nothing is changed
   */
  async update(step: number, learningRate: number): Promise<number> {
    const { beta1, beta2, weightDecay, clipNorm, emaDecay } = this.#options;
    const buffers = this.#buffers;
    const norm = euclideanNorm(buffers.gradients);
    if (!Number.isFinite(norm)) return norm;
    const correction = (steps: number) => Math.sqrt(1 - beta2 ** steps);
    const scalars = {
      beta1: Float32Array.of(beta1),
      beta2: Float32Array.of(beta2),
      clip: Float32Array.of(Math.min(1, clipNorm / (norm + 1e-12))),
      // m / (sqrt(v / c) + epsilon) = sqrt(c) m / (sqrt(v) + sqrt(c) epsilon), with the bias correction c.
      stepSize: Float32Array.of((learningRate * correction(step)) / (1 - beta1 ** step)),
      epsilonBefore: Float32Array.of(epsilon * correction(step - 1)),
      epsilon: Float32Array.of(epsilon * correction(step)),
      // The average starts at the first weights, which it would otherwise remember for long.
      emaKept: Float32Array.of(Math.min(emaDecay, (1 + step) / (10 + step))),
    };
    const regions = [
      { from: 0, to: buffers.decayEnd, decay: Float32Array.of(learningRate * weightDecay) },
      { from: buffers.decayEnd, to: buffers.weights.length, decay: Float32Array.of(0) },
    ];
    for (const { from, to, decay } of regions) {
      for (let start = from; start < to; start += chunk) {
        const end = Math.min(start + chunk, to);
        const part = (buffer: Float32Array | Float16Array) => ({
          data: buffer.subarray(start, end),
          shape: [end - start],
        });
        const inPlace = {
          weight: part(buffers.weights),
          direction: part(buffers.directions),
          lag: part(buffers.lags),
        };
        const second = part(buffers.secondMoments);
        const { 'second.new': newSecond } = await this.#session.run(
          { ...inPlace, second, gradient: part(buffers.gradients), decay, ...scalars },
          Object.fromEntries(Object.entries(inPlace).map(([name, tensor]) => [`${name}.new`, tensor])),
        );
        // Not in place: the old moment is read for the old direction's sake at no fixed time before.
        buffers.secondMoments.set(newSecond, start);
      }
    }
    return norm;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/**
 * With u = m / (sqrt(v) + epsilon), the direction, kept in place of the first moment m, and lag = average - weight in
 * place of the average: average' - weight' = kept (average - weight'), so lag' = kept (lag - (weight' - weight)).
 */
function adamWGraph(): Graph {
  const graph = new Graph('adamw');
  const vector = (name: string) => graph.input(name, ['parameters']);
  const halves = (name: string) => cast(graph.input(name, ['parameters'], 'float16'), 'float32');
  const scalar = (name: string) => graph.input(name, [1]);
  const [weight, gradient, second] = ['weight', 'gradient', 'second'].map(vector);
  const [direction, lag] = ['direction', 'lag'].map(halves);
  const [beta1, beta2, decay] = ['beta1', 'beta2', 'decay'].map(scalar);
  const clipped = mul(gradient, scalar('clip'));
  const first = mul(direction, add(sqrt(second), scalar('epsilonBefore')));
  const newFirst = add(clipped, mul(beta1, sub(first, clipped)));
  const squared = mul(clipped, clipped);
  const newSecond = add(squared, mul(beta2, sub(second, squared)));
  const newDirection = div(newFirst, add(sqrt(newSecond), scalar('epsilon')));
  const change = add(mul(newDirection, scalar('stepSize')), mul(weight, decay));
  graph.output('weight.new', sub(weight, change));
  graph.output('direction.new', cast(newDirection, 'float16'));
  graph.output('second.new', newSecond);
  graph.output('lag.new', cast(mul(scalar('emaKept'), add(lag, mul(change, lagScale))), 'float16'));
  return graph;
}

function euclideanNorm(values: Float32Array): number {
  // Four sums at once: a single one would wait for every addition.
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i += 4) {
    a += values[i] * values[i];
    b += values[i + 1] * values[i + 1];
    c += values[i + 2] * values[i + 2];
    d += values[i + 3] * values[i + 3];
  }
  return Math.sqrt(a + b + c + d);
}
