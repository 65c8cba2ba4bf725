import { type Graph, mul, reshape, sum, type TensorData, type Value } from '../../graph/index.ts';
import type { Parameters } from '../../ssd2/network.ts';

/** What a graph is fed beside the parameters. */
export interface Batch {
  /** Which of the objective's graphs takes it. */
  readonly variant: string;
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** Of each loss: how much it counts; they sum to 1. */
  readonly weights: Float32Array;
  /** Of each loss: its timestep; absent where the objective has none. */
  readonly timesteps?: Float32Array;
}

/** The losses of a batch in a graph. */
export interface Losses {
  /** Cross-entropy in nats of each position, [rows]. */
  readonly losses: Value;
  /** What is minimised, a scalar. */
  readonly objective: Value;
}

/** What a model is trained for: its batches, and the graphs over them. */
export interface Objective {
  /** Losses a batch. */
  readonly rows: number;
  /** Batch n, a pure function of the data, the seed and n. */
  batch(n: number): Batch;
  /** Adds the forward pass of a variant. */
  forward(graph: Graph, parameters: Parameters, variant: string): Losses;
}

/** sum(losses * weights), a scalar. */
export function weightedSum(losses: Value, weights: Value): Value {
  return reshape(sum(mul(losses, weights), [0]), []);
}

/** Scales weights to a sum of 1, in place. */
export function normalised(weights: Float32Array): Float32Array {
  const sum = weights.reduce((a, b) => a + b, 0);
  if (sum > 0) for (let i = 0; i < weights.length; i++) weights[i] /= sum;
  return weights;
}
