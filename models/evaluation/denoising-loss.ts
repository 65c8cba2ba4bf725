import type { Model } from '../checkpoint/model-directory.ts';
import { Graph } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { constantParameters } from '../ssd2/graphs.ts';
import { sequenceSource } from '../training/data/sequences.ts';
import { Ssd2Objective, sequenceLogits } from '../training/objectives/ssd2.ts';
import { rangeCount, rangeOf } from '../training/range-means.ts';
import { ClusterMean, type Estimate } from './statistics.ts';

/** Denoising cross-entropy of one ensemble weight, in nats a token; intervals over sequences. */
export interface Evaluation {
  /** The tenant's weight; 0 is the core alone. */
  readonly weight: number;
  readonly overall: Estimate;
  /** By fifth of t, (0, 0.2] first. */
  readonly byRange: readonly Estimate[];
}

export interface EvaluationOptions {
  readonly weights: readonly number[];
  readonly seed: number;
  readonly runtime?: RuntimeOptions;
  /** Batches of four sequences; all of the corpus when absent. */
  readonly batches?: number;
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
export async function denoisingLoss(
  tokens: Uint16Array,
  core: Model,
  tenant: Model | undefined,
  options: EvaluationOptions,
): Promise<{ tokens: number; evaluations: Evaluation[] }> {
  const { config } = core;
  const { weights, seed, runtime, onProgress } = options;
  const shape = { sequences, blocks: config.positions / config.block - 1 };
  const source = sequenceSource({ tokens }, { block: config.block, blocks: shape.blocks }, seed, config.endOfText);
  const objective = new Ssd2Objective(
    config,
    { ...shape, seed, timesteps: [0, 1], selfConditioning: 0, nextTokenWeight: 0 },
    source,
  );
  const batches = Math.min(Math.floor(source.length / sequences), options.batches ?? Number.POSITIVE_INFINITY);
  if (batches < 1) throw new RangeError(`${tokens.length} tokens are too few: a batch takes ${sequences} sequences`);
  const models = tenant ? [core, tenant] : [core];
  const sessions = await Promise.all(models.map((model) => Session.create(logitsGraph(model, shape.blocks), runtime)));
  const means = weights.map(() => new RangeEstimates());
  for (let n = 0; n < batches; n++) {
    const { feeds, timesteps } = objective.batch(n);
    const logits: Float32Array[] = [];
    for (const session of sessions) {
      const output = (await session.run(feeds)).logits;
      normaliseRows(output, config.vocabulary);
      logits.push(output);
    }
    weights.forEach((weight, i) => {
      const losses = ensembleLosses(logits, weight, feeds.targets as BigInt64Array, config.vocabulary);
      means[i].add(losses, timesteps as Float32Array, losses.length / sequences);
    });
    onProgress?.(n + 1, batches);
  }
  await Promise.all(sessions.map((session) => session.release()));
  const evaluations = weights.map((weight, i) => ({ weight, ...means[i].estimates }));
  return { tokens: batches * sequences * shape.blocks * config.block, evaluations };
}

/** Estimates by fifth of t and over all, a sequence a cluster. */
class RangeEstimates {
  readonly #overall = new ClusterMean();
  readonly #ranges = Array.from({ length: rangeCount }, () => new ClusterMean());

  add(losses: Float32Array, timesteps: Float32Array, rowsPerSequence: number): void {
    for (let start = 0; start < losses.length; start += rowsPerSequence) {
      const sums = new Float64Array(rangeCount);
      const counts = new Float64Array(rangeCount);
      for (let row = start; row < start + rowsPerSequence; row++) {
        const range = rangeOf(timesteps[row]);
        sums[range] += losses[row];
        counts[range]++;
      }
      this.#ranges.forEach((cluster, range) => {
        cluster.add(sums[range], counts[range]);
      });
      this.#overall.add(
        sums.reduce((a, b) => a + b),
        rowsPerSequence,
      );
    }
  }

  get estimates(): { overall: Estimate; byRange: Estimate[] } {
    return { overall: this.#overall.estimate, byRange: this.#ranges.map(({ estimate }) => estimate) };
  }
}

function logitsGraph({ name, config, weights }: Model, blocks: number): Graph {
  const graph = new Graph(`logits-${name}`);
  const parameters = constantParameters(graph, weights);
  graph.output('logits', sequenceLogits(graph, config, parameters, { sequences, blocks }, false).logits);
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
