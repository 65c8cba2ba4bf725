import type { Model } from '../checkpoint/model-directory.ts';
import { Graph } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { constantParameters } from '../ssd2/graphs.ts';
import { BatchSource } from './batch.ts';
import { RangeMeans } from './range-means.ts';
import { type BatchShape, sequenceLogits } from './training-graph.ts';

/** Denoising cross-entropy of one ensemble weight, in nats a token. */
export interface Evaluation {
  /** The tenant's weight; 0 is the core alone. */
  readonly weight: number;
  readonly overall: number;
  /** By fifth of t, (0, 0.2] first. */
  readonly byRange: readonly number[];
}

export interface EvaluationOptions {
  readonly weights: readonly number[];
  readonly seed: number;
  readonly runtime?: RuntimeOptions;
  readonly onProgress?: (done: number, total: number) => void;
}

const sequences = 4;

/**
 * The cross-entropy of denoising a corpus, every block of it at a timestep of its own, without previous logits. All
 * weights see the same text, timesteps and noise.
 *
 * @param tokens the corpus
 * @param tenant merged with the core by the ensemble's weighted sum of log-probabilities
 */
export async function evaluate(
  tokens: Uint16Array,
  core: Model,
  tenant: Model | undefined,
  { weights, seed, runtime, onProgress }: EvaluationOptions,
): Promise<{ tokens: number; evaluations: Evaluation[] }> {
  const { config } = core;
  const shape: BatchShape = { sequences, blocks: config.positions / config.block - 1 };
  const source = new BatchSource(tokens, config, shape, seed);
  const models = tenant ? [core, tenant] : [core];
  const sessions = await Promise.all(models.map((model) => Session.create(logitsGraph(model, shape), runtime)));
  const means = weights.map(() => new RangeMeans());
  for (let n = 0; n < source.length; n++) {
    const { feeds, timesteps } = source.batch(n);
    const logits: Float32Array[] = [];
    for (const session of sessions) {
      const output = (await session.run(feeds)).logits;
      normaliseRows(output, config.vocabulary);
      logits.push(output);
    }
    weights.forEach((weight, i) => {
      const losses = ensembleLosses(logits, weight, feeds.targets as BigInt64Array, config.vocabulary);
      means[i].add(losses, timesteps);
    });
    onProgress?.(n + 1, source.length);
  }
  await Promise.all(sessions.map((session) => session.release()));
  const evaluations = weights.map((weight, i) => ({ weight, overall: means[i].overall, byRange: means[i].byRange }));
  return { tokens: source.length * sequences * shape.blocks * config.block, evaluations };
}

function logitsGraph({ name, config, weights }: Model, shape: BatchShape): Graph {
  const graph = new Graph(`logits-${name}`);
  graph.output('logits', sequenceLogits(graph, config, constantParameters(graph, weights), shape, false).logits);
  return graph;
}

/** Logits to log-probabilities, in place. */
function normaliseRows(logits: Float32Array, vocabulary: number): void {
  for (let start = 0; start < logits.length; start += vocabulary) {
    const row = logits.subarray(start, start + vocabulary);
    const normaliser = logSumExp(row);
    for (let v = 0; v < vocabulary; v++) row[v] -= normaliser;
  }
}

function ensembleLosses(
  [core, tenant]: readonly Float32Array[],
  weight: number,
  targets: BigInt64Array,
  vocabulary: number,
): Float32Array {
  const merged = new Float32Array(vocabulary);
  return Float32Array.from(targets, (target, row) => {
    const start = row * vocabulary;
    for (let v = 0; v < vocabulary; v++) {
      merged[v] = tenant ? (1 - weight) * core[start + v] + weight * tenant[start + v] : core[start + v];
    }
    return logSumExp(merged) - merged[Number(target)];
  });
}

function logSumExp(values: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - max);
  return max + Math.log(sum);
}
