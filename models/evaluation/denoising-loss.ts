import type { Model } from '../checkpoint/model-directory.ts';
import { sequenceSource } from '../data/sequences.ts';
import type { Corpus } from '../data/tokenize.ts';
import { Graph } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { constantParameters } from '../ssd2/graphs.ts';
import { Ssd2Objective, sequenceLogits } from '../training/objectives/ssd2.ts';
import { ensembleLosses, normaliseRows } from './ensemble-losses.ts';
import { positionLosses } from './position-posterior.ts';
import { type RangedLoss, RangeEstimates } from './range-estimates.ts';

/** Denoising cross-entropy of one ensemble weight, in nats a token; intervals over sequences. */
export interface Evaluation extends RangedLoss {
  /** The tenant's weight; 0 is the core alone. */
  readonly weight: number;
}

export interface DenoisingLoss {
  /** How many were scored. */
  readonly tokens: number;
  readonly evaluations: readonly Evaluation[];
  /** Of each position's own posterior, without any network; only with the posterior simplex. */
  readonly ownPosterior?: RangedLoss;
  /** To another model's on the same tokens and noise; only where one was given. */
  readonly difference?: RangedLoss;
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
 * @param corpus of instructions, only the responses count
 * @param tenant merged with the core by the ensemble's weighted sum of log-probabilities
 */
export async function denoisingLoss(
  corpus: Corpus,
  core: Model,
  tenant: Model | undefined,
  options: EvaluationOptions,
): Promise<DenoisingLoss> {
  const { config } = core;
  const { weights, seed, runtime, onProgress } = options;
  const shape = { sequences, blocks: config.positions / config.block - 1 };
  const source = sequenceSource(corpus, { block: config.block, blocks: shape.blocks }, seed, config.endOfText);
  const objective = new Ssd2Objective(
    config,
    { ...shape, seed, timesteps: [0, 1], selfConditioning: 0, nextTokenWeight: 0 },
    source,
  );
  const batches = Math.min(Math.floor(source.length / sequences), options.batches ?? Number.POSITIVE_INFINITY);
  if (batches < 1)
    throw new RangeError(`${corpus.tokens.length} tokens are too few: a batch takes ${sequences} sequences`);
  const models = tenant ? [core, tenant] : [core];
  const sessions = await Promise.all(models.map((model) => Session.create(logitsGraph(model, shape.blocks), runtime)));
  const means = weights.map(() => new RangeEstimates());
  const own = new RangeEstimates();
  const prior = core.weights.get('prior')?.data;
  let scored = 0;
  for (let n = 0; n < batches; n++) {
    const { feeds, weights: counted, timesteps } = objective.batch(n);
    const rowsPerSequence = objective.rows / sequences;
    if (prior) own.add(positionLosses(feeds, prior), rowsPerSequence, counted, timesteps);
    scored += counted.filter((weight) => weight > 0).length;
    const logits: Float32Array[] = [];
    for (const session of sessions) {
      const output = (await session.run(feeds)).logits;
      normaliseRows(output, config.vocabulary);
      logits.push(output);
    }
    weights.forEach((weight, i) => {
      const losses = ensembleLosses(logits, weight, feeds.targets as BigInt64Array, config.vocabulary);
      means[i].add(losses, rowsPerSequence, counted, timesteps);
    });
    onProgress?.(n + 1, batches);
  }
  await Promise.all(sessions.map((session) => session.release()));
  const evaluations = weights.map((weight, i) => ({ weight, ...means[i].result }));
  return {
    tokens: scored,
    evaluations,
    ...(prior ? { ownPosterior: own.result } : {}),
  };
}

function logitsGraph({ name, config, weights }: Model, blocks: number): Graph {
  const graph = new Graph(`logits-${name}`);
  const parameters = constantParameters(graph, weights);
  graph.output('logits', sequenceLogits(graph, config, parameters, { sequences, blocks }, false).logits);
  return graph;
}
